"""Opens what is rated: finds its format, unpacks it, and decodes it strictly."""

import bz2
import codecs
import contextlib
import errno
import gzip
import lzma
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, get_args

from starcast_client.errors import StarcastError

STDIN: Final = Path("-")

Format = Literal["text", "csv", "tsv", "jsonl", "json", "parquet", "xlsx"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
FORMAT_OF_SUFFIX: Final[dict[str, Format]] = {
    ".txt": "text",
    ".text": "text",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}

_ITS_OWN: Final[dict[Format, bytes]] = {"parquet": b"PAR1", "xlsx": b"PK\x03\x04"}
"""First bytes of formats that are no text."""
_COMPRESSED: Final[dict[bytes, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
COMPRESSION_SUFFIXES: Final = (".gz", ".bz2", ".xz")
_OTHERS: Final = {
    **dict.fromkeys(_COMPRESSED, "compressed twice: unpack it first"),
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it first",
    b"PAR1": "Parquet: name it .parquet, or use --format parquet",
    b"PK\x03\x04": "a zip archive or an office document: unpack it, or use --format xlsx for a workbook",
    b"\xd0\xcf\x11\xe0": "a workbook of old Excel, or encrypted: save it as .xlsx without a password",
    b"%PDF": "a PDF: export its text first",
    b"{\\rtf": "rich text (RTF): save it as plain text",
}
"""First bytes of files of other kinds, and what to do with them."""

# The longer mark first: that of UTF-32 begins like that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WEB_PAGES: Final = (b"<!doctype html", b"<html", b"<table", b"<?xml")
_TAR: Final = (257, b"ustar")
"""Where a tar archive says what it is."""
_HEAD_BYTES: Final = 4_096
_CHUNK_BYTES: Final = 65_536


class UnreadableFile(StarcastError):  # noqa: N818 - reads as what it says
    """A file that cannot be read. The message is for users: file, line, and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read repeatedly, unpacked."""

    path: Path
    name: str
    format: Format
    encoding: str = "utf-8"
    delimiter: str | None = None
    """Of CSV and TSV, as the user says. None: as the file says."""
    is_marked: bool = False
    """Whether the encoding is that of a mark at its begin."""
    is_assumed: bool = False
    """Whether its format is what its name says, and not the user."""

    @contextlib.contextmanager
    def open_text(self) -> Iterator[IO[str]]:
        """Open it as text, line ends as they are. Raises UnreadableFile from the block for what cannot be decoded."""
        with self.path.open(encoding=self.encoding, newline="") as file:
            try:
                yield file
            except UnicodeError as error:
                raise self._undecodable() from error

    def _undecodable(self) -> UnreadableFile:
        """Name the first place that cannot be decoded: decoding in blocks has passed it by."""
        encoding = self.encoding.removesuffix("-sig")
        decoder = codecs.getincrementaldecoder(encoding)()
        line, place = 1, ""
        with self.path.open("rb") as file:
            while True:
                chunk = file.read(_CHUNK_BYTES)
                before = decoder.getstate()[0]
                try:
                    line += decoder.decode(chunk, final=not chunk).count("\n")
                except UnicodeDecodeError as error:
                    whole = before + chunk
                    line += whole[: error.start].decode(encoding, "replace").count("\n")
                    place = f" (byte {whole[error.start]:#04x})"
                    break
                except UnicodeError:
                    break
                if not chunk:
                    break
        if self.is_marked:
            hint = ", as its mark says; the file is damaged, or put together from several"
        elif encoding in ("utf-16", "utf-32"):
            hint = f": it begins with no mark; use --encoding {encoding}-le or {encoding}-be"
        else:
            hint = "; use --encoding to name the right one, for instance cp1252"
        return UnreadableFile(f"{self.name}, line {line}: not {encoding}{place}{hint}")


@contextlib.contextmanager
def open_source(
    path: Path, format_: Format | None = None, encoding: str | None = None, delimiter: str | None = None
) -> Iterator[Source]:
    """Open a file. Pipes and compressed files are copied, unpacked, for the duration of the block.

    Raises UnreadableFile, OSError.
    """
    if path.is_dir():
        raise UnreadableFile(f"{path} is a folder: give a file, one at a time")
    is_assumed, is_marked = format_ is None, False
    format_ = format_ or _format_by_name(path)
    with contextlib.ExitStack() as stack:
        if path == STDIN and sys.stdin is None:
            raise UnreadableFile("standard input is closed: give a file, or write to it")
        opened = sys.stdin.buffer if path == STDIN else stack.enter_context(path.open("rb"))
        regular = path != STDIN and path.is_file()
        readable = opened if regular else stack.enter_context(_copy(opened, path.name))
        head = readable.read(_HEAD_BYTES)
        readable.seek(0)
        for magic, unpack in _COMPRESSED.items():
            if head.startswith(magic):
                readable = stack.enter_context(_copy(unpack(readable), path.name))
                head = readable.read(_HEAD_BYTES)
                regular = False
        _refuse_others(head, format_, path.name)
        if format_ not in _ITS_OWN:
            encoding, is_marked = _encoding_of(head, encoding, path.name)
        yield Source(
            path if regular else Path(readable.name),
            "standard input" if path == STDIN else path.name,
            format_,
            encoding or "utf-8",
            delimiter,
            is_marked,
            is_assumed,
        )


def suffix_of(path: Path) -> str:
    """Return the suffix that names the format, without that of a compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in COMPRESSION_SUFFIXES:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _format_by_name(path: Path) -> Format:
    if path == STDIN:
        return "text"
    suffix = suffix_of(path)
    if suffix in FORMAT_OF_SUFFIX:
        return FORMAT_OF_SUFFIX[suffix]
    what = f"files that end in {suffix}" if suffix else "files without a suffix"
    raise UnreadableFile(f"{path.name}: the format of {what} is not known; use --format {'|'.join(FORMATS)}")


def _refuse_others(head: bytes, format_: Format, name: str) -> None:
    """Raise UnreadableFile for what is known to be something else."""
    for magic, what in _OTHERS.items():
        if head.startswith(magic) and magic != _ITS_OWN.get(format_):
            raise UnreadableFile(f"{name}: this is {what}")
    if head.startswith(_TAR[1], _TAR[0]):
        raise UnreadableFile(f"{name}: this is a tar archive: unpack it first")
    if head.removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(_WEB_PAGES):
        raise UnreadableFile(f"{name}: this is a web page or XML: save its text, or its table as .csv")


def _encoding_of(head: bytes, encoding: str | None, name: str) -> tuple[str, bool]:
    """Return the encoding of a text by its mark, or as the user says, and whether it has one. Raises UnreadableFile."""
    marked = next((marked for mark, marked in _MARKS if head.startswith(mark)), None)
    if encoding is not None:
        encoding = codecs.lookup(encoding).name
        family = (marked or "").removesuffix("-sig")
        if not encoding.startswith(family):
            raise UnreadableFile(f"{name}: begins with the mark of {family}: leave out --encoding {encoding}")
        # Its mark is none of its letters.
        return marked or encoding, marked is not None
    if marked is None and b"\0" in head:
        raise UnreadableFile(
            f"{name}: holds NUL bytes: it is no text, or UTF-16 without a mark, which --encoding utf-16-le reads"
        )
    return marked or "utf-8", marked is not None


@contextlib.contextmanager
def _copy(stream: IO[bytes], name: str) -> Iterator[Any]:
    """Copy a stream to a temporary file, open at its start. Raises UnreadableFile if it cannot be unpacked."""
    handle, path = tempfile.mkstemp(prefix="starcast-")
    try:
        with os.fdopen(handle, "w+b") as copy:
            try:
                shutil.copyfileobj(stream, copy)
                copy.flush()
            except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    # The one that is full, or cannot be read.
                    raise OSError(error.errno, error.strerror, path if error.errno == errno.ENOSPC else name) from error
                raise UnreadableFile(f"{name}: its compression is damaged ({error}); is it whole?") from error
            # The handle has a number for a name.
            with Path(path).open("rb") as again:
                yield again
    finally:
        Path(path).unlink(missing_ok=True)
