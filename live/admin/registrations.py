"""The admin of API keys (create, show once, revoke), what they used, and feedback (read, delete, export)."""

from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from live.access.keys import create_key
from live.admin.feedback_export import archive
from live.models import ApiKey, Feedback, KeyUsage

if TYPE_CHECKING:
    _KeyAdmin = admin.ModelAdmin[ApiKey]
    _FeedbackAdmin = admin.ModelAdmin[Feedback]
    _UsageAdmin = admin.ModelAdmin[KeyUsage]
else:
    _KeyAdmin = _FeedbackAdmin = _UsageAdmin = admin.ModelAdmin


_NEW_KEY: Final = "new_key"
"""Attribute that holds the key of a record created in this request. The key itself is not stored."""


@admin.register(ApiKey)
class ApiKeyAdmin(_KeyAdmin):
    """Lists keys by prefix. The key itself is shown only once, when it is created."""

    list_display = ("prefix", "name", "created", "last_used", "revoked")
    list_filter = ("revoked",)
    search_fields = ("name", "prefix")
    fields = ("name", "prefix", "created", "last_used", "revoked")
    readonly_fields = ("prefix", "created", "last_used", "revoked")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> Any:
        """Return only ``name`` for a new key."""
        return super().get_fields(request, obj) if obj is not None else ("name",)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: "ModelForm[ApiKey]", change: bool) -> None:
        """Create the key of a new record."""
        if change:
            super().save_model(request, obj, form, change)
            return
        record, key = create_key(obj.name)
        obj.pk, obj.prefix = record.pk, record.prefix
        setattr(obj, _NEW_KEY, key)

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key in this response: a Django message would store it in a cookie."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Key of {obj.name}",
            "key": getattr(obj, _NEW_KEY),
        }
        return TemplateResponse(request, "live/admin_new_key.html", context)

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke the selected keys."""
        for key in queryset:
            key.revoke()
        self.message_user(request, "Revoked. Open connections are closed within seconds.", messages.SUCCESS)


@admin.register(KeyUsage)
class KeyUsageAdmin(_UsageAdmin):
    """Lists what keys used, by day and reference. It is read-only."""

    list_display = ("key", "day", "reference", "texts", "tokens", "explanations")
    list_filter = ("key", "day")
    list_select_related = ("key",)
    search_fields = ("reference",)
    date_hierarchy = "day"
    ordering = ("-day", "-texts")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Usage is counted, not entered."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: KeyUsage | None = None) -> bool:
        """Usage is counted, not entered."""
        return False


@admin.register(Feedback)
class FeedbackAdmin(_FeedbackAdmin):
    """Lists feedback. It is read-only."""

    list_display = (
        "beginning",
        "stars",
        "model_stars",
        "rounded_expected_stars",
        "label",
        "model_label",
        "language",
        "model_version",
        "created",
    )
    list_filter = ("stars", "model_stars", "label", "model_label", "language", "model_version", "created")
    search_fields = ("text",)
    date_hierarchy = "created"
    readonly_fields = (
        *("text", "stars", "model_stars", "expected_stars", "label", "model_label", "probabilities"),
        *("model_version", "language", "created"),
    )
    actions = ("export",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Feedback comes from the page and the API only."""
        return False

    @admin.display(description="expected stars", ordering="expected_stars")
    def rounded_expected_stars(self, feedback: Feedback) -> str:
        """Return the stars with one decimal, as on the page."""
        return "" if feedback.expected_stars is None else f"{feedback.expected_stars:.1f}"

    @admin.action(description="Export the selected feedback for training", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet[Feedback]) -> HttpResponse:
        """Download a ``.tar.gz`` that training reads."""
        return HttpResponse(
            archive(queryset.order_by("pk").iterator()),
            content_type="application/gzip",
            headers={"Content-Disposition": 'attachment; filename="feedback.tar.gz"'},
        )
