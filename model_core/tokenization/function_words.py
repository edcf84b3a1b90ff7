"""English function words: articles, quantities, pronouns, prepositions, conjunctions and auxiliaries.

They relate other words, so what they add to a rating says nothing to a reader: "but" lowers it where a blame follows.
Negations are function words too, but turn the word that follows into another.
"""

from typing import Final

_LISTED: Final = """
a an the this that these those some any each every either both all another other such same own many much more most few
less least several enough
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
it its itself they them their theirs themselves one someone somebody something anyone anybody anything everyone
everybody everything who whom whose which what whoever whatever there here
about above across after against along among around as at before behind below beneath beside besides between beyond by
despite during except for from in into near of off on onto out over per since than through throughout till to toward
towards under until up upon via with within
and or but if because while whereas although though unless whether so yet however nevertheless therefore thus hence
moreover otherwise then when where why how also even just only still too very rather quite almost again already now once
ever
am is are was were be been being do does did doing done have has had having can could may might must shall should will
would
"""
_LISTED_NEGATIONS: Final = """
no not none nor neither never nothing nobody nowhere cannot without hardly barely
"""
_FUNCTION_WORDS: Final = frozenset(_LISTED.split())
_NEGATIONS: Final = frozenset(_LISTED_NEGATIONS.split())


def is_function_word(word: str) -> bool:
    """Whether a word, or the word before its apostrophe, is listed and no negation: "but", "it's"."""
    return _plain(word).partition("'")[0] in _FUNCTION_WORDS and not is_negation(word)


def is_negation(word: str) -> bool:
    """Whether a word is a negation: "never", "don't"."""
    return (plain := _plain(word)) in _NEGATIONS or plain.endswith("n't")


def _plain(word: str) -> str:
    return word.lower().replace("’", "'")
