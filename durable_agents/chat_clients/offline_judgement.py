"""Judge a text by vocabulary, so that the offline model can answer yes-or-no questions about it.

A question is known by its topic: the field `is_spam` asks about `spam`. For each topic there is a list of signs, words
and phrases that suggest yes. Two different signs make a yes, and each further one makes it surer:

| signs found | 0    | 1   | 2   | 3    | 4 and more |
|-------------|------|-----|-----|------|------------|
| verdict     | no   | no  | yes | yes  | yes        |
| confidence  | 0.95 | 0.6 | 0.7 | 0.85 | 0.95       |

It is a stand-in for a model, good enough to see every branch of an app, and knows English only. A topic without a list
is answered with no.
"""

import re
from dataclasses import dataclass

_SIGNS: dict[str, tuple[str, ...]] = {
    "spam": (
        r"(?:you|you've|you have) (?:been selected|won)",
        r"winners?",
        r"prizes?",
        r"lotter(?:y|ies)",
        r"jackpot",
        r"casino",
        r"inheritance",
        r"million(?:s)? (?:dollars|euros|pounds|usd|eur)",
        r"click (?:here|below|this link|the link)",
        r"act (?:now|fast|immediately)",
        r"limited[- ]time",
        r"urgent(?:ly)?",
        r"wire transfer",
        r"bank (?:details|account)",
        r"credit card (?:details|number)",
        r"gift cards?",
        r"bitcoins?|crypto(?:currency)?",
        r"risk[- ]free",
        r"guaranteed",
        r"free (?:money|gift|iphone)|100% free",
        r"claim (?:your|it|now)",
        r"congratulations",
        r"verify your (?:account|identity|password)",
        r"your account (?:has been|is|was|will be) (?:suspended|locked|limited|closed)",
        r"double your (?:money|income|investment)",
        r"work from home",
        r"no (?:obligation|questions asked)",
        r"weight loss|lose weight|miracle",
        r"cheap (?:pills|meds|medication)|viagra",
    ),
    "urgent": (
        r"urgent(?:ly)?",
        r"asap|as soon as possible",
        r"immediately|right away",
        r"today",
        r"deadline",
        r"outage|is down|not working",
        r"emergency",
        r"critical",
    ),
}
_CONFIDENCE_OF_YES = (0.7, 0.85, 0.95)
_CONFIDENCE_OF_NO = (0.95, 0.6)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to one question about a text, the confidence in it (0 to 1) and the signs that were found."""

    topic: str
    verdict: bool
    confidence: float
    signs: tuple[str, ...]


def judge(field_name: str, text: str) -> Judgement | None:
    """Judge `text` by the topic of a field such as `is_spam` or `isUrgent`; None when the topic has no vocabulary."""
    topic = _topic(field_name)
    if topic not in _SIGNS:
        return None
    plain = " ".join(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split())
    found = [re.search(rf"(?<!\w)(?:{sign})(?!\w)", plain) for sign in _SIGNS[topic]]
    signs = tuple(match.group() for match in found if match is not None)
    if len(signs) < len(_CONFIDENCE_OF_NO):
        return Judgement(topic, False, _CONFIDENCE_OF_NO[len(signs)], signs)
    surest = len(_CONFIDENCE_OF_YES) - 1
    confidence = _CONFIDENCE_OF_YES[min(len(signs) - len(_CONFIDENCE_OF_NO), surest)]
    return Judgement(topic, True, confidence, signs)


def _topic(field_name: str) -> str:
    snake_case = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", field_name).lower()
    return re.sub(r"\A(?:is|has|looks|seems|needs|contains)_", "", snake_case)
