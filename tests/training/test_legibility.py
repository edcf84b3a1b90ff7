import random
from pathlib import Path

from tokenizers import Tokenizer

from model_core.tokenization.legibility import Legibility, read_evidence
from tests.factories import separable_reviews
from tests.model_core.tokenization.test_legibility import SHIPPED
from training.legibility import as_text, fit
from training.texts import illegible


def test_a_table_fitted_on_few_reviews_tells_english_from_german(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(SHIPPED))
    english = "I went to see this film with my friends and we all thought that it was one of the best this year. " * 50
    table = fit(tokenizer, [english, *(review.text for review in separable_reviews(20, seed=1))])
    path = tmp_path / "table.txt"
    path.write_text(as_text(table), encoding="utf-8")
    assert read_evidence(path) == table
    reader = Legibility(tokenizer, table)

    def read(text: str) -> float:
        return reader(text, tokenizer.encode(text, add_special_tokens=False).ids)

    assert read("we all thought that this was the best film of the year") > 0.5
    assert read("wir haben alle gedacht dass es nicht der beste ist") < 0.5


def test_made_up_texts_are_the_same_each_time() -> None:
    for make in (illegible.gibberish, illegible.numbers):
        assert make(random.Random(1), 5) == make(random.Random(1), 5)
    assert illegible.foreign_catalogs(random.Random(1)) == illegible.foreign_catalogs(random.Random(1))
