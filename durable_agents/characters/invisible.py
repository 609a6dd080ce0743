"""Which characters draw nothing, or only change how the text around them is read.

Properties of Unicode decide: the general category, `Default_Ignorable_Code_Point`, and the name, which never changes
once it is given. Python has the first and the last.
"""

import re
import unicodedata
from functools import cache

# Control, format, surrogate, private use, unassigned; separators of lines, paragraphs and words.
_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})

# What a name says of a character that has a category of letters or symbols and still an empty glyph.
_EMPTY = re.compile(r"\b(BLANK|FILLER|NULL|JOINER)\b")

# Default_Ignorable_Code_Point, all 4,174 of them, from DerivedCoreProperties.txt of Unicode 17.0.
_DEFAULT_IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)


@cache
def is_invisible(char: str) -> bool:
    """Say whether a reader cannot see this character for what it is. The space is the one blank that can be seen."""
    if char == " ":
        return False
    return (
        unicodedata.category(char) in _CATEGORIES
        or any(first <= ord(char) <= last for first, last in _DEFAULT_IGNORABLE)
        or _EMPTY.search(unicodedata.name(char, "")) is not None
    )
