"""Serves static files with few headers: the live page has forty small files, so headers are a quarter of its bytes."""

from django.http import HttpRequest, HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Comes before SecurityMiddleware: of its headers, only ``nosniff`` is about files that are no documents."""

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponseBase:
        """Serve a file, without its date if its name has its hash: such a file never changes."""
        response: HttpResponseBase = WhiteNoiseMiddleware.serve(static_file, request)
        response["X-Content-Type-Options"] = "nosniff"
        if "immutable" in response.get("Cache-Control", ""):
            del response["Last-Modified"]
        return response
