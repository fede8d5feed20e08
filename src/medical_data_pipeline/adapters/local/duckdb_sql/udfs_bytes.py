"""Functions on bytes: encodings, hashes, numbers as bytes."""

import base64
import hashlib
import hmac
import struct
import zlib
from collections.abc import Callable

from medical_data_pipeline.adapters.local.duckdb_sql.python_function import MAX_TEXT, register

_HASHES = ("md5", "sha1", "sha256", "sha512")


def _digest(name: str) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.new(name, data, usedforsecurity=False).digest()


def _keyed(name: str) -> Callable[[bytes, bytes], bytes]:
    return lambda data, key: hmac.new(key, data, name).digest()


for _name in _HASHES:
    register(_name, "BLOB -> BLOB")(_digest(_name))
    register("hmac_" + _name, "BLOB, BLOB -> BLOB")(_keyed(_name))


@register("crc32", "BLOB -> BIGINT")
def crc32(data: bytes) -> int:
    return zlib.crc32(data)


_MASK = 2**64 - 1
_P = (
    11400714785074694791,
    14029467366897019727,
    1609587929392839161,
    9650029242287828579,
    2870177450012600261,
)


def _left(value: int, places: int) -> int:
    return (value << places | value >> (64 - places)) & _MASK


def _round(state: int, lane: int) -> int:
    return _left((state + lane * _P[1]) & _MASK, 31) * _P[0] & _MASK


@register("xxhash64", "BLOB -> BLOB")
def xxhash64(data: bytes) -> bytes:
    position, size = 0, len(data)
    if size >= 32:
        lanes = [(_P[0] + _P[1]) & _MASK, _P[1], 0, -_P[0] & _MASK]
        while position <= size - 32:
            words = struct.unpack_from("<4Q", data, position)
            lanes = [_round(lane, word) for lane, word in zip(lanes, words, strict=True)]
            position += 32
        value = sum(_left(lane, n) for lane, n in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * _P[0] + _P[3]) & _MASK
    else:
        value = _P[4]
    value = (value + size) & _MASK
    while position <= size - 8:
        value = (
            _left(value ^ _round(0, struct.unpack_from("<Q", data, position)[0]), 27) * _P[0] + _P[3]
        ) & _MASK
        position += 8
    if position <= size - 4:
        word = struct.unpack_from("<I", data, position)[0]
        value = (_left(value ^ word * _P[0] & _MASK, 23) * _P[1] + _P[2]) & _MASK
        position += 4
    for byte in data[position:]:
        value = _left(value ^ byte * _P[4] & _MASK, 11) * _P[0] & _MASK
    for places, prime in ((33, _P[1]), (29, _P[2])):
        value = (value ^ value >> places) * prime & _MASK
    return (value ^ value >> 32).to_bytes(8, "big")


def _final_mix(value: int) -> int:
    for prime in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * prime & _MASK
    return value ^ value >> 33


@register("murmur3", "BLOB -> BLOB")
def murmur3(data: bytes) -> bytes:
    c1, c2, h1, h2 = 0x87C37B91114253D5, 0x4CF5AD432745937F, 0, 0
    whole = len(data) // 16 * 16
    for position in range(0, whole, 16):
        k1, k2 = struct.unpack_from("<2Q", data, position)
        h1 ^= _left(k1 * c1 & _MASK, 31) * c2 & _MASK
        h1 = ((_left(h1, 27) + h2) * 5 + 0x52DCE729) & _MASK
        h2 ^= _left(k2 * c2 & _MASK, 33) * c1 & _MASK
        h2 = ((_left(h2, 31) + h1) * 5 + 0x38495AB5) & _MASK
    tail = data[whole:]
    if len(tail) > 8:
        h2 ^= _left(int.from_bytes(tail[8:], "little") * c2 & _MASK, 33) * c1 & _MASK
    if tail:
        h1 ^= _left(int.from_bytes(tail[:8], "little") * c1 & _MASK, 31) * c2 & _MASK
    h1, h2 = h1 ^ len(data), h2 ^ len(data)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    h1, h2 = _final_mix(h1), _final_mix(h2)
    h1 = (h1 + h2) & _MASK
    h2 = (h2 + h1) & _MASK
    return struct.pack("<2Q", h1, h2)


@register("from_hex", "VARCHAR -> BLOB")
def from_hex(text: str) -> bytes:
    if any(c.isspace() for c in text):
        raise ValueError("invalid hex character")
    return bytes.fromhex(text)


@register("from_hex_bytes", "BLOB -> BLOB")
def from_hex_bytes(data: bytes) -> bytes:
    return from_hex(data.decode())


def _of_bytes(decode: Callable[[str], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: decode(data.decode("latin-1"))


@register("from_base64", "VARCHAR -> BLOB")
def from_base64(text: str) -> bytes:
    return base64.b64decode(_padded(text), validate=True)


def _padded(text: str) -> str:
    text = text.rstrip("=")
    if len(text) % 4 == 1:
        raise ValueError("not base64")
    return text + "=" * (-len(text) % 4)


@register("to_base64url", "BLOB -> VARCHAR")
def to_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


@register("from_base64url", "VARCHAR -> BLOB")
def from_base64url(text: str) -> bytes:
    return base64.b64decode(_padded(text), altchars=b"-_", validate=True)


@register("to_base32", "BLOB -> VARCHAR")
def to_base32(data: bytes) -> str:
    return base64.b32encode(data).decode()


@register("from_base32", "VARCHAR -> BLOB")
def from_base32(text: str) -> bytes:
    text = text.rstrip("=")
    return base64.b32decode(text + "=" * (-len(text) % 8))


# The encoded text may come as bytes too.
for _name, _decode in (("base64", from_base64), ("base64url", from_base64url), ("base32", from_base32)):
    register(f"from_{_name}_bytes", "BLOB -> BLOB")(_of_bytes(_decode))


def _packed(layout: str, size: int) -> tuple[Callable[[float], bytes], Callable[[bytes], float]]:
    def unpack(data: bytes) -> float:
        if len(data) != size:
            raise ValueError("input has another length")
        value: float = struct.unpack(layout, data)[0]
        return value

    return lambda value: struct.pack(layout, value), unpack


for _name, _layout, _size, _kind in (
    ("big_endian_64", ">q", 8, "BIGINT"),
    ("big_endian_32", ">i", 4, "INTEGER"),
    ("ieee754_64", ">d", 8, "DOUBLE"),
    ("ieee754_32", ">f", 4, "FLOAT"),
):
    _to, _from = _packed(_layout, _size)
    register("to_" + _name, f"{_kind} -> BLOB")(_to)
    register("from_" + _name, f"BLOB -> {_kind}")(_from)


@register("reverse_bytes", "BLOB -> BLOB")
def reverse_bytes(data: bytes) -> bytes:
    return data[::-1]


def _padding(data: bytes, size: int, pad: bytes) -> bytes:
    if not 0 <= size <= MAX_TEXT or not pad:
        raise ValueError("target length or padding is out of range")
    missing = max(size - len(data), 0)
    return (pad * (missing // len(pad) + 1))[:missing]


@register("lpad_bytes", "BLOB, BIGINT, BLOB -> BLOB")
def lpad_bytes(data: bytes, size: int, pad: bytes) -> bytes:
    return _padding(data, size, pad) + data[:size]


@register("rpad_bytes", "BLOB, BIGINT, BLOB -> BLOB")
def rpad_bytes(data: bytes, size: int, pad: bytes) -> bytes:
    return data[:size] + _padding(data, size, pad)


@register("substr_bytes", "BLOB, BIGINT -> BLOB")
def substr_bytes(data: bytes, start: int) -> bytes:
    return substr_bytes_of(data, start, len(data))


@register("substr_bytes_of", "BLOB, BIGINT, BIGINT -> BLOB")
def substr_bytes_of(data: bytes, start: int, length: int) -> bytes:
    if start == 0 or length <= 0 or abs(start) > len(data):
        return b""
    begin = start - 1 if start > 0 else len(data) + start
    return data[begin : begin + length]


@register("from_utf8", "BLOB -> VARCHAR")
def from_utf8(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@register("from_utf8_with", "BLOB, VARCHAR -> VARCHAR")
def from_utf8_with(data: bytes, instead: str) -> str:
    if len(instead) > 1:
        raise ValueError("replacement must be empty or one character")
    pieces: list[str] = []
    view, position = memoryview(data), 0
    while True:
        try:
            return "".join((*pieces, str(view[position:], "utf-8")))
        except UnicodeDecodeError as error:
            pieces += (str(view[position : position + error.start], "utf-8"), instead)
            position += error.end


@register("from_utf8_code", "BLOB, BIGINT -> VARCHAR")
def from_utf8_code(data: bytes, code: int) -> str:
    if not 0 <= code < 0x110000 or 0xD800 <= code < 0xE000:
        raise ValueError("invalid replacement character")
    return from_utf8_with(data, chr(code))
