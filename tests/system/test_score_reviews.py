"""``starcast score`` on real reviews: the numbers are those that the model is judged by."""

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from model_core.labels import FILM_RATINGS, STARS
from model_core.loading import load_classifier
from tests.clients.score_files import read, score, write
from tests.system.test_golden import ARCHIVE, SAME, dataset_reviews
from tools.servers import RunningServer
from training.evaluate import predict
from training.evaluation.metrics import expected_values

REVIEWS = 8


# Said here already, for the server takes long to start.
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the dataset archive is not at hand: see STARCAST_TEST_DATA")
def test_real_reviews_get_the_numbers_that_the_evaluation_gives_them(
    real_server: RunningServer, tmp_path: Path
) -> None:
    reviews = list(dataset_reviews()[:REVIEWS])
    source, output = tmp_path / "reviews.parquet", tmp_path / "ratings.parquet"
    write(source, reviews)
    assert score(real_server.http, source, "--output", str(output)) == 0
    rows = read(output)
    assert [row["text"] for row in rows] == reviews
    scored = np.array([[row[f"p_{stars}"] for stars in STARS] for row in rows])
    evaluated = predict(load_classifier(settings.STARCAST_CHECKPOINT), reviews, "reviews")
    assert np.abs(scored - evaluated).max() < SAME
    stars = np.array([row["expected_stars"] for row in rows])
    assert np.abs(stars - expected_values(evaluated, FILM_RATINGS)).max() < 10 * SAME
