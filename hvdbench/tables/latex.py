r"""Write a table as LaTeX with booktabs: the best of a column bold, the second best underlined.

Every sign that LaTeX does not accept as text becomes a command, so the text is plain ASCII and needs no input encoding.
A few letters (ą, đ, ð, þ, ŋ) need ``\usepackage[T1]{fontenc}``.
"""

import re
import unicodedata

from hvdbench.tables.table import Cell, Table
from hvdbench.tables.texts import plain

_SIGNS = {
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # a row that began with one of these would be an argument of the line break above it
    "]": "{]}",
    "*": "{*}",
    "–": "--",
    "—": "---",
    "‘": "`",
    "’": "'",
    "“": "``",
    "”": "''",
    "…": r"\ldots{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "đ": r"\dj{}",
    "Đ": r"\DJ{}",
    "ð": r"\dh{}",
    "Ð": r"\DH{}",
    "þ": r"\th{}",
    "Þ": r"\TH{}",
    "ŋ": r"\ng{}",
    "Ŋ": r"\NG{}",
    "§": r"\S{}",
    "©": r"\copyright{}",
    "¡": r"\textexclamdown{}",
    "¿": r"\textquestiondown{}",
    "‐": "-",
    "‑": "-",
    "•": r"\textbullet{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "£": r"\pounds{}",
    "™": r"\texttrademark{}",
    "®": r"\textregistered{}",
}
_MATHS = {
    **{"±": r"\pm", "−": "-", "×": r"\times", "÷": r"\div", "·": r"\cdot", "°": r"^\circ", "¬": r"\neg"},
    **{"≤": r"\leq", "≥": r"\geq", "≠": r"\neq", "≈": r"\approx", "∞": r"\infty", "√": r"\surd", "∅": r"\emptyset"},
    **{"∇": r"\nabla", "∂": r"\partial", "∫": r"\int", "∑": r"\sum", "∏": r"\prod", "∝": r"\propto", "≡": r"\equiv"},
    **{"∈": r"\in", "∉": r"\notin", "⊂": r"\subset", "∪": r"\cup", "∩": r"\cap", "∀": r"\forall", "∃": r"\exists"},
    **{"⊕": r"\oplus", "⊗": r"\otimes", "∘": r"\circ", "∗": r"\ast", "≪": r"\ll", "≫": r"\gg", "∥": r"\parallel"},
    **{"⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "↔": r"\leftrightarrow", "′": r"^\prime", "ℓ": r"\ell"},
    **{"←": r"\leftarrow", "→": r"\rightarrow", "↑": r"\uparrow", "↓": r"\downarrow"},
    **{sign: f"^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{sign: f"_{digit}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{
        "µ": r"\mu",
        "ϵ": r"\epsilon",
        "ϑ": r"\vartheta",
        "ϕ": r"\varphi",
        "ϱ": r"\varrho",
        "ς": r"\varsigma",
        "ϖ": r"\varpi",
    },
}
_ACCENTS = {
    **{"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": "."},
    **{"\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c", "\u0328": "k"},
    **{"\u0331": "b", "\u0326": "c"},  # LaTeX sets a comma below only with further packages, and a cedilla without
}
_OVER_GREEK = {"\u0300": "grave", "\u0301": "acute", "\u0304": "bar", "\u0306": "breve", "\u0308": "ddot"}
_LIKE_LATIN = {
    **{"ALPHA": "A", "BETA": "B", "EPSILON": "E", "ZETA": "Z", "ETA": "H", "IOTA": "I", "KAPPA": "K", "MU": "M"},
    **{"NU": "N", "OMICRON": "O", "RHO": "P", "TAU": "T", "CHI": "X"},
}
_GREEK_NAMES = frozenset(
    [
        *_LIKE_LATIN,
        *("GAMMA", "DELTA", "THETA", "LAMBDA", "XI", "PI", "SIGMA", "UPSILON", "PHI", "PSI", "OMEGA"),
    ]
)
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)")
_LETTERS = re.compile(r".[\u0300-\u036f]*")
_LIGATURE = re.compile(r"([-'`,?!])(?=[-'`,])")


def latex(table: Table) -> str:
    """Write a table as a booktabs ``tabular``; the lines above it and the notes become comments."""
    heads = [latex_words(column.title) for column in table.columns]
    rows = [heads, *([_shown(cell) for cell in line] for line in table.lines())]
    head, *body = [" & ".join(row) + r" \\" for row in rows]
    align = "".join("l" if column.kind == "words" else "r" for column in table.columns)
    lines = [rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*(f"% {plain(line)}" for line in (*table.above, *table.below)), *lines]) + "\n"


def _shown(cell: Cell) -> str:
    text = latex_words(cell.text)
    return {1: rf"\textbf{{{text}}}", 2: rf"\underline{{{text}}}"}.get(cell.place, text)


def latex_words(text: object) -> str:
    """Return words so that LaTeX shows them as they are; a sign that it has no command for becomes its number."""
    words = _LIGATURE.sub("\\1\0", unicodedata.normalize("NFC", plain(text)))
    return "".join("{}" if part == "\0" else _letter(part) for part in _LETTERS.findall(words))


def _letter(letter: str) -> str:
    """Write a sign with the accents that follow it."""
    whole = unicodedata.normalize("NFC", letter)
    base, marks = (apart := unicodedata.normalize("NFD", whole))[0], apart[1:]
    if whole in _SIGNS or whole.isascii():
        return _SIGNS.get(whole, whole)
    if whole in _MATHS:
        return f"${_MATHS[whole]}$"
    greek = _greek(base, marks)
    if greek:
        return greek
    if marks and base.isalpha() and all(mark in _ACCENTS for mark in marks) and (base.isascii() or base in _SIGNS):
        words = _SIGNS.get(base, base)
        for mark in marks:
            words = rf"\{_ACCENTS[mark]}{{{words}}}"
        return words
    alike = unicodedata.normalize("NFKD", base)
    if alike != base and not marks and all(sign.isascii() or _greek(sign, "") for sign in alike):
        return "".join(map(_letter, alike))  # a ligature, a letter of another font or width
    return "".join(_SIGNS.get(sign, sign) if sign.isascii() else f"{{[}}U+{ord(sign):04X}{{]}}" for sign in whole)


def _greek(base: str, marks: str) -> str:
    """Return a Greek letter as mathematics; empty for any other sign."""
    found = _GREEK.fullmatch(unicodedata.name(base, "").replace("LAMDA", "LAMBDA"))
    if not found or any(mark not in _OVER_GREEK for mark in marks):
        return ""
    capital, name = found[1] == "CAPITAL", found[2]
    if name not in _GREEK_NAMES:
        return ""
    if capital and name in _LIKE_LATIN:
        words = rf"\mathrm{{{_LIKE_LATIN[name]}}}"
    else:
        words = "o" if name == "OMICRON" else "\\" + (name.title() if capital else name.lower())
    for mark in marks:
        words = rf"\{_OVER_GREEK[mark]}{{{words}}}"
    return f"${words}$"
