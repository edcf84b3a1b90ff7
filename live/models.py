"""What is stored: API keys, of which only the holder knows the key, and what people gave as feedback."""

from django.db import models
from django.utils import timezone
from django.utils.text import Truncator


class ApiKey(models.Model):
    """One key. Deleting it revokes it as well; revoking keeps the record of who had it."""

    name = models.CharField(max_length=100, help_text="Who or what uses it.")
    prefix = models.CharField(max_length=16, unique=True, editable=False, help_text="The beginning of the key.")
    digest = models.CharField(max_length=64, editable=False)
    """SHA-256 of the key, in hexadecimal. A key has 256 random bits, so nobody can guess it from a fast hash."""
    created = models.DateTimeField(default=timezone.now, editable=False)
    last_used = models.DateTimeField(null=True, editable=False)
    """Behind by up to a minute."""
    revoked = models.DateTimeField(null=True, editable=False)

    class Meta:
        """Newest first."""

        ordering = ("-created", "-pk")
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def revoke(self) -> None:
        """Refuse it from now on; its open sockets are closed within seconds, in every process."""
        if self.revoked is None:
            self.revoked = timezone.now()
            self.save(update_fields=["revoked"])


class Feedback(models.Model):
    """What a person would give a text, and what the model said. It is kept because that person pressed a button."""

    text = models.TextField(editable=False)
    stars = models.PositiveSmallIntegerField(editable=False, help_text="What the person would give it.")
    model_stars = models.PositiveSmallIntegerField(editable=False, help_text="The rating the model held likeliest.")
    expected_stars = models.FloatField(editable=False, help_text="Mean of what the model held likely.")
    probabilities = models.JSONField(editable=False, help_text="One for each rating, 1 to 4 and 7 to 10 stars.")
    model_version = models.CharField(max_length=64, editable=False)
    language = models.CharField(max_length=16, blank=True, editable=False, help_text="That of the page.")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """Newest first."""

        ordering = ("-created", "-pk")
        verbose_name_plural = "feedback"

    def __str__(self) -> str:
        # Without the text: the admin's log would keep this after the feedback is deleted.
        return f"feedback {self.pk}, {self.stars} stars"

    @property
    def beginning(self) -> str:
        """The first words."""
        return Truncator(self.text).chars(60)


class ModelChoice(models.Model):
    """That from now on a checkpoint is to answer, in every server. The newest choice counts; the others are history."""

    name = models.CharField(max_length=200, blank=True, help_text="Its folder; empty for that of STARCAST_CHECKPOINT.")
    digest = models.CharField(max_length=64, blank=True)
    """SHA-256 of its ``config.json``, so that every machine serves the same files under this name."""
    chosen = models.DateTimeField(default=timezone.now)

    class Meta:
        """Newest first."""

        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.name or "that of STARCAST_CHECKPOINT"
