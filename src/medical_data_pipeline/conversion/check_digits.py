"""Check digits of the identifiers in medical data: a number that passes is hardly one by chance."""

_DIHEDRAL = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_FIRST_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _permutations() -> tuple[tuple[int, ...], ...]:
    rows: list[tuple[int, ...]] = [tuple(range(10))]
    for _ in range(7):
        rows.append(tuple(_FIRST_PERMUTATION[digit] for digit in rows[-1]))
    return tuple(rows)


_PERMUTED = _permutations()
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# An NPI is checked as the card number it is part of: ISO issuer prefix 80840, worth 24 in the sum.
_NPI_PREFIX_SUM = 24


def passes_verhoeff(digits: str) -> bool:
    """SNOMED CT identifiers end in a Verhoeff check digit."""
    state = 0
    for position, digit in enumerate(reversed(digits)):
        state = _DIHEDRAL[state][_PERMUTED[position % 8][ord(digit) - 48]]
    return state == 0


def passes_luhn(digits: str) -> bool:
    return _luhn_sum(digits) % 10 == 0


def passes_npi(digits: str) -> bool:
    """Ten digits, the last of them Luhn's over 80840 and the other nine."""
    return (_luhn_sum(digits) + _NPI_PREFIX_SUM) % 10 == 0


def passes_loinc(code: str) -> bool:
    """LOINC's digit after the hyphen is Luhn's over the digits before it."""
    return passes_luhn(code.replace("-", ""))


def passes_dea(number: str) -> bool:
    """Two letters, six digits and their check digit."""
    digits = [ord(digit) - 48 for digit in number[2:]]
    return (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def _luhn_sum(digits: str) -> int:
    odd = sum(ord(digit) - 48 for digit in digits[-1::-2])
    return odd + sum(_DOUBLED[ord(digit) - 48] for digit in digits[-2::-2])
