import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from hvdbench.weights.registry import KNOWN
from hvdbench.workflows import doctor
from hvdbench.workflows.doctor import Finding, examine

TORCH = json.dumps(["2.15.0", "13.2", None])


@pytest.fixture(autouse=True)
def plain_environment(tmp_path, monkeypatch):
    for variable in ("HVDBENCH_HOME", "HVDBENCH_GOPRO_ROOT", "HVDBENCH_REDS_ROOT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HVDBENCH_WEIGHTS", str(tmp_path / "weights"))
    answer_as(monkeypatch, f"{TORCH}\ntorchvision works\n")


def answer_as(monkeypatch, out: str, err: str = "", code: int = 0) -> None:
    done = subprocess.CompletedProcess([], code, out, err)
    monkeypatch.setattr(doctor, "run", lambda *_, **__: done)


def install_as(monkeypatch, versions: dict[str, str]) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(doctor, "version", version)


def about(topic: str) -> list[Finding]:
    return [finding for finding in examine() if finding.topic == topic]


def only(topic: str) -> Finding:
    (finding,) = about(topic)
    return finding


def test_every_finding_is_one_line():
    findings = examine()
    assert {"python", "hvdbench", "torch", "torchvision", "opencv", "folders", "weights", "machine"} <= {
        finding.topic for finding in findings
    }
    assert all(finding.text and "\n" not in finding.text for finding in findings)


def test_python_is_told_with_its_place():
    assert only("python").state == "ok"
    assert sys.executable in only("python").text


@pytest.mark.parametrize(
    ("device", "state", "words"),
    [("NVIDIA H200", "ok", "computes on NVIDIA H200"), (None, "note", "computes on the CPU (built for CUDA 13.2")],
)
def test_the_device_is_named(monkeypatch, device, state, words):
    answer_as(monkeypatch, json.dumps(["2.15.0", "13.2", device]) + "\ntorchvision works\n")
    assert only("torch").state == state
    assert words in only("torch").text
    assert only("torchvision").state == "ok"


def test_a_torch_of_another_build_than_its_torchvision_is_a_problem_with_its_mending(monkeypatch):
    reason = "RuntimeError: operator torchvision::nms does not exist"
    answer_as(monkeypatch, TORCH + "\n", f"Traceback ...\n{reason}\n", 1)
    assert only("torch").state == "note"
    finding = only("torchvision")
    assert finding.state == "problem"
    assert reason in finding.text
    assert "pip uninstall -y torch torchvision" in finding.text


def test_a_torch_that_does_not_import_is_a_problem(monkeypatch):
    answer_as(monkeypatch, "", "ModuleNotFoundError: No module named 'torch'\n", 1)
    assert only("torch").state == "problem"
    assert "No module named 'torch'" in only("torch").text


def test_a_torch_that_crashes_is_a_problem(monkeypatch):
    answer_as(monkeypatch, "", "", -11)
    assert "exit code -11" in only("torch").text


def test_a_torch_that_takes_too_long_is_a_note(monkeypatch):
    def run(*_, timeout: float, **__):
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr(doctor, "run", run)
    assert only("torch").state == "note"


def test_opencv_wheels_of_one_version_are_fine(monkeypatch):
    install_as(monkeypatch, {"opencv-python": "5.0.0.93", "opencv-python-headless": "5.0.0.93"})
    assert only("opencv").state == "ok"


def test_opencv_wheels_of_two_versions_are_a_problem_with_the_command_that_mends_it(monkeypatch):
    install_as(monkeypatch, {"opencv-python": "4.9.0.80", "opencv-contrib-python-headless": "4.10.0.84"})
    finding = only("opencv")
    assert finding.state == "problem"
    assert finding.text.endswith(
        "-m pip install --force-reinstall --no-deps opencv-python==4.10.0.84 opencv-contrib-python-headless==4.10.0.84"
    )


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["numpy>=1.26", "av<19,>=16", 'ruff==1; extra == "dev"'])
    install_as(monkeypatch, {"numpy": "2.0.0"})
    problem, rest = about("packages")
    assert (problem.state, rest.state) == ("problem", "ok")
    assert problem.text.startswith("missing: av: ")
    assert rest.text == "numpy 2.0.0"


def test_an_installation_without_anything_is_examined_to_the_end(monkeypatch):
    install_as(monkeypatch, {})
    monkeypatch.setattr(doctor, "requires", lambda name: doctor.version(name))
    assert only("hvdbench").state == "problem"
    assert only("opencv").state == "problem"
    assert not about("licences")
    assert about("machine")


def test_what_fails_in_an_unforeseen_way_is_a_finding(monkeypatch):
    def _broken():
        raise RuntimeError("metadata is damaged")
        yield

    monkeypatch.setattr(doctor, "_LOOKS", (_broken, doctor._python))
    broken, python = examine()
    assert (broken.topic, broken.state) == ("broken", "problem")
    assert "RuntimeError: metadata is damaged" in broken.text
    assert python.state == "ok"


def test_a_wrong_home_or_root_is_a_problem_and_no_crash(tmp_path, monkeypatch):
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path / "gone"))
    monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", str(tmp_path / "gone"))
    assert "HVDBENCH_HOME names" in only("folders").text
    assert "HVDBENCH_GOPRO_ROOT names" in only("sources").text
    assert {only(topic).state for topic in ("folders", "sources", "trajectories")} == {"problem"}


def test_an_unset_root_is_a_note_that_names_the_variable(tmp_path, monkeypatch):
    assert about("sources")[0].state == "note"
    assert "HVDBENCH_GOPRO_ROOT is unset" in about("sources")[0].text
    monkeypatch.setenv("HVDBENCH_GOPRO_ROOT", str(tmp_path))
    assert about("sources")[0] == Finding("sources", "ok", f"HVDBENCH_GOPRO_ROOT: {tmp_path}")


def write_index(home: Path, origin: str) -> None:
    (home / "trajectories" / "walk").mkdir(parents=True)
    (home / "trajectories" / "index.toml").write_text(
        f'[walk]\norigin = "{origin}"\nfps = 30\nfolder = "walk"\nlicence = "CC0"\nsource = "made"\n'
    )


@pytest.mark.parametrize(("origin", "state"), [("monst3r", "ok"), ("simulated", "note")])
def test_sets_of_monst3r_are_told_from_stand_ins(tmp_path, monkeypatch, origin, state):
    write_index(tmp_path, origin)
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    assert only("trajectories").state == state
    assert "walk" in only("trajectories").text


def test_a_set_without_its_folder_is_a_problem(tmp_path, monkeypatch):
    write_index(tmp_path, "monst3r")
    (tmp_path / "trajectories" / "walk").rmdir()
    monkeypatch.setenv("HVDBENCH_HOME", str(tmp_path))
    assert [finding.state for finding in about("trajectories")] == ["problem", "ok"]


def test_missing_weights_are_told_with_where_to_get_them_and_where_to_put_them(tmp_path):
    notes = [finding.text for finding in about("weights") if finding.state == "note"]
    assert len(notes) == len(KNOWN)
    for known, note in zip(KNOWN, notes, strict=True):
        assert known.page in note
        assert note.endswith(f"put it at {tmp_path / 'weights' / known.file_name}")


def test_weights_that_are_there_are_told_with_their_path(tmp_path):
    path = tmp_path / "weights" / KNOWN[0].file_name
    path.parent.mkdir()
    path.touch()
    assert Finding("weights", "ok", f"{KNOWN[0].name}: {path}") in about("weights")


def test_the_licence_of_pyiqa_is_told():
    assert "PolyForm Noncommercial" in only("licences").text


def test_it_imports_nothing_heavy():
    code = (
        "import sys, hvdbench.workflows.doctor; sys.exit(bool({'torch', 'cv2', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_this_installation_is_examined_within_fifteen_seconds():
    code = (
        "import time; start = time.monotonic(); from hvdbench.workflows.doctor import examine; findings = examine(); "
        "assert time.monotonic() - start < 15; "
        "assert not [f for f in findings if f.state == 'problem' and f.topic in ('python', 'torch', 'torchvision')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
