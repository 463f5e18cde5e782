"""Papers' numbers against sums made apart from them, and against the papers' text where it is there."""

import re

import pandas as pd
import pytest

from hvdbench.boards.files import read_beside
from hvdbench.boards.published import FOLDER, published, published_boards
from hvdbench.boards.rows import COLUMNS
from hvdbench.boards.text.texts import export
from hvdbench.boards.text.wide import papers_table
from hvdbench.errors import InputError
from hvdbench.tables.dataframes import as_dataframe
from hvdbench.workspace.paths import home_folder

SELFHVD = "SelfHVD (arXiv:2508.08605), Table "
REN = "Ren et al., Video Deblurring by Fitting to Test Data (arXiv 2020), Table "
HYPERCUT = "HyperCUT (Pham et al.), Table "
# Sums over the columns of the papers' text, made by another program from the text itself: (count, sum).
SUMS = {
    (SELFHVD + "1", "GoProShake", "psnr"): (10, 340.12),
    (SELFHVD + "1", "GoProShake", "ssim"): (10, 9.1350),
    (SELFHVD + "1", "HVD-Huawei", "musiq"): (10, 258.9229),
    (SELFHVD + "1", "HVD-Huawei", "maniqa"): (10, 2.0084),
    (SELFHVD + "1", "HVD-Xiaomi", "musiq"): (10, 305.1486),
    (SELFHVD + "1", "HVD-Xiaomi", "maniqa"): (10, 2.3013),
    (SELFHVD + "1", "HVD-iPhone", "musiq"): (10, 237.7710),
    (SELFHVD + "1", "HVD-iPhone", "maniqa"): (10, 2.6483),
    (SELFHVD + "2", "BSD-1ms8ms", "psnr"): (4, 111.66),
    (SELFHVD + "2", "BSD-1ms8ms", "ssim"): (4, 3.213),
    (SELFHVD + "2", "BSD-2ms16ms", "psnr"): (4, 106.72),
    (SELFHVD + "2", "BSD-2ms16ms", "ssim"): (4, 3.106),
    (SELFHVD + "2", "BSD-3ms24ms", "psnr"): (4, 109.56),
    (SELFHVD + "2", "BSD-3ms24ms", "ssim"): (4, 3.130),
    (SELFHVD + "2", "RealBlur", "psnr"): (4, 108.20),
    (SELFHVD + "2", "RealBlur", "ssim"): (4, 3.240),
    (SELFHVD + "2", "RBVD", "psnr"): (4, 103.63),
    (SELFHVD + "2", "RBVD", "ssim"): (4, 3.006),
    (SELFHVD + "3", "GoProShake", "psnr"): (4, 146.81),
    (SELFHVD + "3", "GoProShake", "ssim"): (4, 3.7254),
    (SELFHVD + "4", "GoProShake", "psnr"): (4, 143.86),
    (SELFHVD + "4", "GoProShake", "ssim"): (4, 3.6991),
    (SELFHVD + "5", "GoProShake", "psnr"): (3, 111.01),
    (SELFHVD + "5", "GoProShake", "ssim"): (3, 2.7991),
    (REN + "I", "BDD100K", "preference_percent"): (6, 438.7),
    (REN + "I", "Real-World", "preference_percent"): (6, 518.5),
    (REN + "II", "Real-World", "preference_percent"): (6, 510.7),
    (REN + "III", "GOPRO and REDS, 10 videos", "warping_error"): (7, 2.1258),
    (REN + "IV", "Real-World", "preference_percent"): (4, 295.4),
    (REN + "V (a)", "GOPRO and REDS, 30 videos", "preference_percent"): (2, 159.3),
    (REN + "V (b)", "GOPRO and REDS, 30 videos", "warping_error"): (4, 1.0806),
    **{
        (HYPERCUT + "2", None, f"ppsnr-{place}"): (6, total)
        for place, total in enumerate((148.33, 157.47, 165.93, 174.23, 166.10, 157.58, 148.39), 1)
    },
    (HYPERCUT + "3", None, "hit_percent"): (5, 484.9),
    (HYPERCUT + "3", None, "con2_percent"): (5, 484.1),
    (HYPERCUT + "3", None, "con3_percent"): (5, 471.2),
    (HYPERCUT + "4", "B-Aist++", "ppsnr_mean"): (9, 199.45),
    (HYPERCUT + "4", "B-Aist++", "pssim_mean"): (9, 8.089),
    (HYPERCUT + "4", "B-Aist++", "plpips_mean"): (9, 0.633),
    (HYPERCUT + "5", "RB2V-Face", "landmark_error"): (2, 10.62),
    (HYPERCUT + "5", "RB2V-Hand", "fingertip_error"): (2, 20.87),
    (HYPERCUT + "6", "RB2V-Street", "ppsnr_mean"): (6, 157.46),
    (HYPERCUT + "7", "RB2V-Street", "hit_percent"): (5, 489.2),
    (HYPERCUT + "7", "RB2V-Street", "con2_percent"): (5, 490.5),
    (HYPERCUT + "7", "RB2V-Street", "con3_percent"): (5, 479.0),
    (HYPERCUT + "7", "RB2V-Hand", "hit_percent"): (5, 484.7),
    (HYPERCUT + "7", "RB2V-Hand", "con2_percent"): (5, 482.7),
    (HYPERCUT + "7", "RB2V-Hand", "con3_percent"): (5, 468.8),
}
# A few numbers typed a second time: (source begins with, dataset, method, metric) → value.
SPOTS = {
    (SELFHVD + "1", "GoProShake", "SelfHVD, BasicVSR++", "psnr"): 37.44,
    (SELFHVD + "1", "GoProShake", "BasicVSR++", "ssim"): 0.9683,
    (SELFHVD + "1", "GoProShake", "Ren et al.", "psnr"): 25.05,
    (SELFHVD + "1", "HVD-Huawei", "DaDeblur", "musiq"): 26.8422,
    (SELFHVD + "1", "HVD-Xiaomi", "SelfHVD, RVRT", "maniqa"): 0.2303,
    (SELFHVD + "1", "HVD-iPhone", "SelfHVD, ESTRNN", "maniqa"): 0.2842,
    (SELFHVD + "2", "BSD-1ms8ms", "ESTRNN + SelfHVD", "psnr"): 31.01,
    (SELFHVD + "2", "RealBlur", "ESTRNN + Blur2Blur", "ssim"): 0.800,
    (SELFHVD + "2", "RBVD", "ESTRNN trained on GoPro", "psnr"): 24.47,
    (SELFHVD + "4", "GoProShake", "SelfHVD, BasicVSR++: with RSCR, without SIS", "psnr"): 36.27,
    (REN + "I", "Real-World", "fitted to the clip, over DMPHN", "preference_percent"): 94.2,
    (REN + "III", "GOPRO and REDS, 10 videos", "fitted to the clip", "warping_error"): 0.2599,
    (HYPERCUT + "2", "REDS", "Purohit et al.", "ppsnr-4"): 31.50,
    (HYPERCUT + "4", "B-Aist++", "Zhong et al. + HyperCUT, best of 5", "ppsnr_mean"): 23.81,
    (HYPERCUT + "7", "RB2V-Street", "HyperCUT's order, 64 dimensions", "hit_percent"): 99.1,
}
PAPERS = {"SelfHVD": "001_*.txt", "Ren": "002_*.txt", "HyperCUT": "003_*.txt"}


@pytest.fixture(scope="module")
def papers():
    return published()


def of_table(rows, source, dataset, metric):
    table = rows["source"].str.extract(r"^(.*?, Table \w+(?: \(\w\))?)", expand=False)
    kept = rows[(table == source) & (rows["metric"] == metric)]
    return kept if dataset is None else kept[kept["dataset"] == dataset]


def test_every_column_of_every_table_adds_up(papers):
    found = {}
    for key in SUMS:
        rows = of_table(papers, *key)
        found[key] = (len(rows), round(float(rows["value"].sum()), 6))
    assert found == SUMS


def test_the_sums_leave_no_row_out(papers):
    assert sum(count for count, _ in SUMS.values()) == len(papers)


@pytest.mark.parametrize("key", SPOTS)
def test_a_number_typed_twice_is_the_same(papers, key):
    source, dataset, method, metric = key
    rows = of_table(papers, source, dataset, metric)
    assert rows.loc[rows["method"] == method, "value"].tolist() == [SPOTS[key]]


def test_every_number_stands_in_the_papers_text(papers, shared):
    for paper, pattern in PAPERS.items():
        text = next((shared / "seeds").glob(pattern)).read_text(encoding="utf-8")
        printed = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}
        rows = papers[papers["source"].str.startswith(paper)]
        assert len(rows)
        assert sorted(set(rows["value"]) - printed) == []


def test_rows_name_paper_and_table_and_carry_official_names_alone(papers):
    assert tuple(papers.columns) == COLUMNS
    assert set(papers["origin"]) == {"published"}
    assert set(papers["protocol"]) == {"as published"}
    assert papers["source"].str.contains(r", Table [\dIV]+").all()
    assert not papers["dataset"].str.contains("hvdbench|demo").any()
    assert set(papers["clip"]) == {"*"}


def test_the_page_of_cdvd_tsp_gives_no_numbers_and_its_file_says_none():
    lines = (home_folder(FOLDER) / "cdvd_tsp.csv").read_text(encoding="utf-8").splitlines()
    assert lines == [",".join(COLUMNS)]
    assert "no numbers as text" in (home_folder(FOLDER) / "README.md").read_text(encoding="utf-8")


def test_every_board_that_papers_have_numbers_for_has_a_recipe_and_exports(tmp_path):
    names = published_boards()
    assert {"goproshake", "hvd-huawei", "bsd-1ms8ms", "realblur", "rbvd", "selfhvd-ablations", "blur2vid"} <= set(names)
    for name in names:
        rows, papers = read_beside(name, tmp_path)
        assert rows.empty
        assert len(papers)
        for kind in ("csv", "md", "latex"):
            assert "Table" in export(rows, kind, papers=papers)


def test_the_papers_own_order_is_kept_apart_by_table_and_best_first(papers):
    wide = as_dataframe(papers_table(papers[papers["board"] == "goproshake"]))
    assert wide.columns.tolist() == ["method", "PSNR (dB)", "SSIM", "source"]
    assert wide["method"].tolist()[0] == "BasicVSR++"
    supervised = wide[wide["source"].str.endswith("fully supervised")]
    assert supervised["PSNR (dB)"].is_monotonic_decreasing


def test_measured_rows_in_a_papers_file_are_refused(tmp_path, papers):
    papers.head(2).assign(origin="measured").to_csv(tmp_path / "odd.csv", index=False)
    with pytest.raises(InputError, match="belong on a board of their own"):
        published(folder=tmp_path)
    assert published(folder=tmp_path / "none").empty
    assert isinstance(published("no such board"), pd.DataFrame)
