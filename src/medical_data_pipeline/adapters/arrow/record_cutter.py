"""Where records end in a run of bytes, and which rows open a quote that never closes."""

import re
from bisect import bisect_left
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from medical_data_pipeline.model.dialect import Dialect

_LF, _CR = 10, 13
_LINE_END = re.compile(rb"\r\n?|\n")
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """`end`: bytes that are complete records. `unclosed`: rows in them whose quote never closes.

    `quotes` are the starts and ends of quoted fields within the cut, for those who look for line ends.
    `tails`: fields that go on behind their closing quote, which the parser would read without their quotes.
    `escape`: the mark that takes its meaning from a line end behind it, if there is any in the data.
    """

    end: int
    unclosed: tuple[tuple[int, int], ...] = ()
    quotes: Positions | None = None
    tails: tuple[tuple[int, int], ...] = ()
    escape: str = ""


def cut_records(data: bytes, dialect: Dialect, is_last: bool) -> Cut:
    """The longest run of complete records at the start of `data`; all of it when `is_last`."""
    escape = dialect.escape if dialect.escape and dialect.escape.encode() in data else ""
    if not dialect.quote or dialect.quote.encode() not in data:
        return Cut(len(data) if is_last else last_line_end(data, len(data), escape=escape), escape=escape)
    quotes = _quote_positions(data, dialect)
    if escape:
        return replace(_QuoteScan(data, quotes, dialect, is_last).cut(), escape=escape)
    if _is_regular(data, quotes, dialect) and not (is_last and len(quotes) % 2):
        return Cut(len(data), (), quotes) if is_last else _cut_regular(data, quotes)
    return _QuoteScan(data, quotes, dialect, is_last).cut()


def record_ends(data: bytes, cut: Cut) -> Positions:
    """The byte after each line end that ends a record."""
    ends = line_ends(data)
    if cut.escape:
        octets = np.frombuffer(data, np.uint8)
        # Of a pair the carriage return is escaped; what is before the first byte is not asked for.
        is_pair = (ends > 1) & (octets[ends - 2] == _CR) & (octets[ends - 1] == _LF)
        starts = ends - 1 - is_pair
        ends = ends[~np.isin(starts, _escaped(data, starts, cut.escape))]
    if cut.quotes is not None and len(cut.quotes):
        ends = ends[np.searchsorted(cut.quotes, ends - 1) % 2 == 0]
    return ends


def line_ends(data: bytes) -> Positions:
    """The byte after each line end, also of those within quotes."""
    octets = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(octets == _LF) + 1
    returns = np.flatnonzero(octets == _CR)
    if len(returns):
        following = np.append(octets, 0)[returns + 1]
        ends = np.union1d(ends, returns[following != _LF] + 1)
    return ends


def last_line_end(data: bytes, before: int, after: int = 0, escape: str = "") -> int:
    """The byte after the last line end in data[after:before], or 0; a CR at the end may be half of one.

    One behind an `escape` is a part of its cell.
    """
    end = _last_line_end(data, before, after)
    while escape and end and _is_escaped_end(data, end, escape):
        end = _last_line_end(data, _start_of_line_end(data, end), after)
    return end


def _last_line_end(data: bytes, before: int, after: int) -> int:
    line_feed = data.rfind(b"\n", after, before)
    carriage_return = data.rfind(b"\r", max(line_feed, after), min(before, len(data) - 1))
    if carriage_return > line_feed:
        return carriage_return + (2 if data[carriage_return + 1] == _LF else 1)
    return line_feed + 1 if line_feed >= after else 0


def _start_of_line_end(data: bytes, end: int) -> int:
    return end - 2 if data[end - 2 : end] == b"\r\n" else end - 1


def _is_escaped_end(data: bytes, end: int, escape: str) -> bool:
    return _run_before(data, _start_of_line_end(data, end), ord(escape)) % 2 == 1


def _quote_positions(data: bytes, dialect: Dialect) -> Positions:
    positions = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(dialect.quote))
    return np.setdiff1d(positions, _escaped(data, positions, dialect.escape)) if dialect.escape else positions


def _escaped(data: bytes, positions: Positions, escape: str) -> Positions:
    """Those of the positions that stand behind an escape which is not escaped itself."""
    octets = np.frombuffer(data, np.uint8)
    maybe = positions[(positions > 0) & (octets[positions - 1] == ord(escape))]
    found = [position for position in maybe.tolist() if _run_before(data, position, ord(escape)) % 2]
    return np.array(found, np.int64)


def _run_before(data: bytes, position: int, octet: int) -> int:
    start = position
    while start > 0 and data[start - 1] == octet:
        start -= 1
    return position - start


def _is_regular(data: bytes, quotes: Positions, dialect: Dialect) -> bool:
    """Whether every quote opens, closes or doubles as it should, so that counting them is enough."""
    octets = np.frombuffer(data, np.uint8)
    bounds = np.array([ord(dialect.delimiter), _LF, _CR], np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before = octets[np.maximum(opening - 1, 0)]
    doubled = np.zeros(len(opening), bool)
    doubled[1:] = opening[1:] == closing[: len(opening) - 1] + 1
    if not np.all(doubled | (opening == 0) | np.isin(before, bounds)):
        return False
    after = octets[np.minimum(closing + 1, len(data) - 1)]
    doubles = np.zeros(len(closing), bool)
    doubles[: len(opening) - 1] = closing[: len(opening) - 1] + 1 == opening[1:]
    return bool(np.all(doubles | (closing == len(data) - 1) | np.isin(after, bounds)))


def _cut_regular(data: bytes, quotes: Positions) -> Cut:
    """The last line end outside quotes: looked for in the gaps between quoted fields, from the back."""
    is_open = len(quotes) % 2 == 1
    starts = np.concatenate([[0], quotes[1::2] + 1])
    ends = quotes[0::2] if is_open else np.append(quotes[0::2], len(data))
    # A doubled quote is a gap without room; notes may have hundreds of thousands of them.
    for index in np.flatnonzero(ends > starts)[::-1].tolist():
        end = last_line_end(data, int(ends[index]), int(starts[index]))
        if end:
            return Cut(end, (), quotes[quotes < end])
    return Cut(0, (), quotes[:0])


def _plain_text(dialect: Dialect) -> re.Pattern[bytes]:
    """What may stand in a field outside quotes."""
    delimiter, escape = re.escape(dialect.delimiter.encode()), re.escape(dialect.escape.encode())
    escaped = rb"|%b(?:\r\n|[\s\S])|%b\Z" % (escape, escape) if escape else b""
    return re.compile(rb"(?:[^%b\r\n%b]%b)*" % (delimiter, escape, escaped))


class _QuoteScan:
    """The exact way through irregular quotes: the parser's own states, but only at quotes."""

    def __init__(self, data: bytes, quotes: Positions, dialect: Dialect, is_last: bool) -> None:
        self._data = data
        self._at = quotes.tolist()
        self._bounds = {ord(dialect.delimiter), _LF, _CR}
        self._plain = _plain_text(dialect)
        self._escape = dialect.escape
        self._is_last = is_last
        self._spans: list[int] = []
        self._unclosed: list[tuple[int, int]] = []
        self._tails: list[tuple[int, int]] = []

    def cut(self) -> Cut:
        index, end = 0, len(self._data)
        while index < len(self._at):
            position = self._at[index]
            if not self._opens(position):
                index += 1
                continue
            last = self._closing(index)
            if last is None and not self._is_last:
                end = position
                break
            if last is None or self._runs_over(position, self._at[last]):
                index = self._set_aside(position)
                continue
            self._spans += [position, self._at[last]]
            self._note_tail(position, self._at[last] + 1)
            index = last + 1
        return self._cut_before(end)

    def _opens(self, position: int) -> bool:
        before = position - 1
        if position == 0 or self._data[before] not in self._bounds:
            return position == 0
        if not self._escape:
            return True
        if self._data[before] in (_LF, _CR):
            return not _is_escaped_end(self._data, position, self._escape)
        return _run_before(self._data, before, ord(self._escape)) % 2 == 0

    def _closing(self, opening: int) -> int | None:
        """The index of the quote that closes the field; doubled ones are passed over."""
        index = opening + 1
        while index < len(self._at):
            if index + 1 < len(self._at) and self._at[index + 1] == self._at[index] + 1:
                index += 2
                continue
            return index
        return None

    def _runs_over(self, opening: int, closing: int) -> bool:
        """Whether the "closing" quote is rather the opening one of a later row: it has text behind it."""
        after = closing + 1
        if after >= len(self._data) or self._data[after] in self._bounds:
            return False
        return b"\n" in self._data[opening:closing] or b"\r" in self._data[opening:closing]

    def _note_tail(self, opening: int, behind: int) -> None:
        """Blanks behind a closing quote are padding; anything else makes the quotes a part of the text."""
        found = self._plain.match(self._data, behind)
        stop = found.end() if found else behind
        if self._data[behind:stop].strip(b" \t"):
            self._tails.append((opening, stop))

    def _set_aside(self, opening: int) -> int:
        """Take the line with the unclosed quote out; go on with the line after it."""
        start = self._record_start(opening)
        stop = self._line_stop(opening)
        self._unclosed.append((start, stop))
        return bisect_left(self._at, stop)

    def _record_start(self, opening: int) -> int:
        floor = self._unclosed[-1][1] if self._unclosed else 0
        before = opening
        for close_at in range(len(self._spans) - 1, 0, -2):
            if self._spans[close_at] < floor:
                break
            end = self._last_line_end(before, self._spans[close_at] + 1)
            if end:
                return end
            before = self._spans[close_at - 1]
        return self._last_line_end(before, floor) or floor

    def _line_stop(self, opening: int) -> int:
        for found in _LINE_END.finditer(self._data, opening):
            if not self._escape or not _is_escaped_end(self._data, found.end(), self._escape):
                return found.end()
        return len(self._data)

    def _last_line_end(self, before: int, after: int = 0) -> int:
        return last_line_end(self._data, before, after, self._escape)

    def _cut_before(self, end: int) -> Cut:
        spans = np.array(self._spans, np.int64)
        if self._is_last and end == len(self._data):
            return Cut(end, tuple(self._unclosed), spans, tuple(self._tails))
        before = end
        for close_at in range(len(spans) - 1, -1, -2):
            line_end = self._last_line_end(before, int(spans[close_at]) + 1)
            if line_end:
                return self._cut_at(line_end, spans)
            before = int(spans[close_at - 1])
        return self._cut_at(self._last_line_end(before), spans)

    def _cut_at(self, end: int, spans: Positions) -> Cut:
        unclosed, tails = (
            tuple(span for span in found if span[1] <= end) for found in (self._unclosed, self._tails)
        )
        return Cut(end, unclosed, spans[spans < end], tails)
