"""Answers requests for static files on the event loop: each thread would take the loop's place for milliseconds."""

from asgiref.sync import markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from live.http.responses import Middleware


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    """Sends few headers: the live page has forty small files, so headers are a quarter of its bytes.

    Comes before SecurityMiddleware: of its headers, only ``nosniff`` is about files that are no documents.
    """

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Middleware) -> None:
        super().__init__(get_response)
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer with the file of this path, if there is one."""
        path = request.path_info
        file = self.find_file(path) if self.autorefresh else self.files.get(path)
        if file is not None:
            return self.serve(file, request)
        response: HttpResponse = await self.get_response(request)
        return response

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Return a file, without its date if its name has its hash: such a file never changes."""
        found = static_file.get_response(request.method, request.META)
        content = b""
        if found.file is not None:
            with found.file:
                content = found.file.read()
        response = HttpResponse(content, status=found.status)
        del response["Content-Type"]
        for name, value in found.headers:
            response[name] = value
        response["X-Content-Type-Options"] = "nosniff"
        if "immutable" in response.get("Cache-Control", ""):
            del response["Last-Modified"]
        return response
