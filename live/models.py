"""Database models: API keys (only their hash) and what they used, feedback, and the choice of a model."""

from django.db import models
from django.utils import timezone
from django.utils.text import Truncator


class ApiKey(models.Model):
    """An API key. Deleting revokes it too; revoking keeps the record."""

    name = models.CharField(max_length=100, help_text="Who or what uses the key.")
    prefix = models.CharField(max_length=16, unique=True, editable=False, help_text="The start of the key.")
    digest = models.CharField(max_length=64, editable=False)
    """SHA-256 of the key, in hexadecimal. A key has 256 random bits, so a fast hash is safe."""
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(null=True, editable=False)
    """Updated at most once a minute."""
    revoked = models.DateTimeField(null=True, editable=False)

    class Meta:
        """Newest first."""

        ordering = ("-created", "-pk")
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def revoke(self) -> None:
        """Revoke the key. Every process closes its open sockets within seconds."""
        if self.revoked is None:
            self.revoked = timezone.now()
            self.save(update_fields=["revoked"])


class UsedToken(models.Model):
    """A short-lived token that was used, so that it is not used again. Redis keeps these if there is one."""

    id = models.CharField(max_length=32, primary_key=True, editable=False)
    ends = models.DateTimeField(db_index=True, editable=False)

    def __str__(self) -> str:
        return self.id


class KeyUsage(models.Model):
    """What one user of a key used on one day."""

    key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="usage")
    day = models.DateField()
    reference = models.CharField(max_length=64, blank=True, help_text="Of the token; empty for the key itself.")
    texts = models.PositiveBigIntegerField(default=0)
    tokens = models.PositiveBigIntegerField(default=0)
    explanations = models.PositiveBigIntegerField(default=0)

    class Meta:
        """One row for each."""

        verbose_name_plural = "usage of keys"
        constraints = (models.UniqueConstraint(fields=("key", "day", "reference"), name="one_usage_a_day"),)

    def __str__(self) -> str:
        return f"{self.key} on {self.day}"


class Feedback(models.Model):
    """A person's own rating of a text, with the model's. Stored only with that person's consent."""

    text = models.TextField(editable=False)
    stars = models.PositiveSmallIntegerField(null=True, editable=False, help_text="The person's rating of a film.")
    model_stars = models.PositiveSmallIntegerField(
        null=True, editable=False, help_text="The model's most likely rating of a film."
    )
    expected_stars = models.FloatField(null=True, editable=False, help_text="Mean of the model's distribution.")
    label = models.TextField(
        blank=True, default="", db_default="", editable=False, help_text="The person's label; empty for films."
    )
    model_label = models.TextField(
        blank=True, default="", db_default="", editable=False, help_text="The model's most likely label."
    )
    probabilities = models.JSONField(editable=False, help_text="One for each label of the model.")
    model_version = models.CharField(max_length=64, editable=False)
    language = models.CharField(max_length=16, blank=True, editable=False, help_text="Language of the page.")
    size = models.PositiveIntegerField(db_default=0, db_index=True, editable=False, help_text="Bytes of the text.")
    created = models.DateTimeField(default=timezone.now, db_index=True, editable=False)

    class Meta:
        """Newest first."""

        ordering = ("-created", "-pk")
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        # Without the text: the admin's log would keep this after the feedback is deleted.
        return f"feedback {self.pk}, {self.label or f'{self.stars} stars'}"

    @property
    def beginning(self) -> str:
        """Return the first 60 characters of the text."""
        return Truncator(self.text).chars(60)


class ModelChoice(models.Model):
    """A switch of all servers to a checkpoint. The newest row counts; the others are history."""

    name = models.CharField(max_length=200, blank=True, help_text="Its folder; empty for STARCAST_CHECKPOINT.")
    digest = models.CharField(max_length=64, blank=True)
    """SHA-256 of its ``config.json``, so that every machine serves the same files."""
    chosen = models.DateTimeField(default=timezone.now)

    class Meta:
        """Newest first."""

        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.name or "STARCAST_CHECKPOINT"
