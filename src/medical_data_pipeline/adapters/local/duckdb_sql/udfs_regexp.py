"""Java's regular expression functions, on Python's engine."""

from medical_data_pipeline.adapters.local.duckdb_sql.java_regex import compiled, replacement
from medical_data_pipeline.adapters.local.duckdb_sql.python_function import register


@register("regexp_like", "VARCHAR, VARCHAR -> BOOLEAN")
def regexp_like(text: str, pattern: str) -> bool:
    return compiled(pattern).search(text) is not None


@register("regexp_count", "VARCHAR, VARCHAR -> BIGINT")
def regexp_count(text: str, pattern: str) -> int:
    return sum(1 for _ in compiled(pattern).finditer(text))


@register("regexp_extract", "VARCHAR, VARCHAR -> VARCHAR")
def regexp_extract(text: str, pattern: str) -> str | None:
    return regexp_extract_group(text, pattern, 0)


@register("regexp_extract_group", "VARCHAR, VARCHAR, BIGINT -> VARCHAR")
def regexp_extract_group(text: str, pattern: str, group: int) -> str | None:
    found = compiled(pattern)
    if not 0 <= group <= found.groups:
        raise ValueError("pattern has fewer groups")
    match = found.search(text)
    return match[group] if match else None


@register("regexp_extract_all", "VARCHAR, VARCHAR -> VARCHAR[]")
def regexp_extract_all(text: str, pattern: str) -> list[str | None]:
    return regexp_extract_all_group(text, pattern, 0)


@register("regexp_extract_all_group", "VARCHAR, VARCHAR, BIGINT -> VARCHAR[]")
def regexp_extract_all_group(text: str, pattern: str, group: int) -> list[str | None]:
    found = compiled(pattern)
    if not 0 <= group <= found.groups:
        raise ValueError("pattern has fewer groups")
    return [match[group] for match in found.finditer(text)]


@register("regexp_matches", "VARCHAR, VARCHAR -> VARCHAR[][]")
def regexp_matches(text: str, pattern: str) -> list[list[str | None]]:
    return [list(match.groups()) for match in compiled(pattern).finditer(text)]


@register("regexp_gaps", "VARCHAR, VARCHAR -> VARCHAR[]")
def regexp_gaps(text: str, pattern: str) -> list[str]:
    gaps, position = [], 0
    for match in compiled(pattern).finditer(text):
        gaps.append(text[position : match.start()])
        position = match.end()
    return [*gaps, text[position:]]


@register("regexp_split", "VARCHAR, VARCHAR -> VARCHAR[]")
def regexp_split(text: str, pattern: str) -> list[str]:
    return regexp_gaps(text, pattern)


@register("regexp_remove", "VARCHAR, VARCHAR -> VARCHAR")
def regexp_remove(text: str, pattern: str) -> str:
    return "".join(regexp_gaps(text, pattern))


@register("regexp_replace", "VARCHAR, VARCHAR, VARCHAR -> VARCHAR")
def regexp_replace(text: str, pattern: str, template: str) -> str:
    found = compiled(pattern)
    pieces = replacement(template, found) if found.search(text) else []
    return found.sub(lambda match: "".join(p if isinstance(p, str) else match[p] or "" for p in pieces), text)


@register("regexp_position", "VARCHAR, VARCHAR -> BIGINT")
def regexp_position(text: str, pattern: str) -> int:
    return regexp_position_nth(text, pattern, 1, 1)


@register("regexp_position_from", "VARCHAR, VARCHAR, BIGINT -> BIGINT")
def regexp_position_from(text: str, pattern: str, start: int) -> int:
    return regexp_position_nth(text, pattern, start, 1)


@register("regexp_position_nth", "VARCHAR, VARCHAR, BIGINT, BIGINT -> BIGINT")
def regexp_position_nth(text: str, pattern: str, start: int, occurrence: int) -> int:
    if start < 1 or occurrence < 1:
        raise ValueError("start position and occurrence cannot be smaller than 1")
    if start > len(text):
        return -1
    for match in compiled(pattern).finditer(text, start - 1):
        occurrence -= 1
        if occurrence == 0:
            return match.start() + 1
    return -1
