import json
import subprocess
import sys

import pytest

from hvdbench import catalog
from hvdbench.errors import UnknownNameError

KINDS = ("source", "trajectory format", "labeller", "network", "scheme", "metric", "stabiliser")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in catalog.names(kind)])
def test_every_name_leads_to_something_that_can_be_called(kind, name):
    part = catalog.resolve(kind, name)
    assert callable(part.reader if kind == "trajectory format" else part)


def test_names_are_sorted():
    assert catalog.names("metric") == sorted(catalog.METRICS)


def test_a_typo_gets_the_nearest_name_and_all_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        catalog.resolve("network", "basicvsrp")
    known = ", ".join(sorted(catalog.NETWORKS))
    assert str(caught.value) == f"no network named 'basicvsrp'; did you mean 'basicvsrpp'? (known: {known})"


def test_a_name_far_from_all_gets_no_guess():
    assert catalog.unknown("metric", "zzzz", ["ssim", "psnr"]) == "no metric named 'zzzz' (known: psnr, ssim)"


def test_an_import_string_works_wherever_a_name_does():
    assert catalog.resolve("metric", "json:dumps") is json.dumps


@pytest.mark.parametrize(
    "target", ["json:nothing", "no_such_package.metrics:brisque", ":psnr", ".metrics:psnr", "json:"]
)
def test_an_import_string_that_leads_nowhere_is_one_sentence(target):
    with pytest.raises(UnknownNameError, match=f"metric '{target}' cannot be imported: "):
        catalog.resolve("metric", target)


def test_a_broken_part_of_our_own_is_no_typing_error(monkeypatch):
    monkeypatch.setattr(catalog, "_KINDS", {"metric": {"psnr": "hvdbench.metrics.fidelity:gone"}})
    with pytest.raises(AttributeError):
        catalog.resolve("metric", "psnr")


def test_listing_names_imports_nothing_heavy():
    code = (
        "import sys; from hvdbench import catalog; [catalog.names(kind) for kind in "
        f"{KINDS!r}]; sys.exit(bool({{'numpy', 'torch', 'cv2', 'pydantic'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_network_comes_in_its_tiny_size_by_name():
    tiny = catalog.resolve("network", "estrnn@tiny")()
    whole = catalog.resolve("network", "estrnn")()
    assert sum(p.numel() for p in tiny.parameters()) < 0.2 * sum(p.numel() for p in whole.parameters())
    for name, sentence in (("estrnn@huge", "no preset 'huge' .known: tiny"), ("estrn@tiny", "of network 'estrn'")):
        with pytest.raises(UnknownNameError, match=sentence):
            catalog.resolve("network", name)
