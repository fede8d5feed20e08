-- Trino's functions where DuckDB has none or means something else. t_ macros call no volatile function, so that TRY
-- may hold them; a failure is a CAST that cannot succeed. list_position and list_contains find nulls too.

-- numbers
CREATE OR REPLACE TEMP MACRO t_same(x) AS x;
CREATE OR REPLACE TEMP MACRO t_infinity() AS CAST('inf' AS DOUBLE);
CREATE OR REPLACE TEMP MACRO t_nan() AS CAST('nan' AS DOUBLE);
CREATE OR REPLACE TEMP MACRO t_e() AS exp(CAST(1 AS DOUBLE));
CREATE OR REPLACE TEMP MACRO t_not_zero(x) AS CASE WHEN x = 0 THEN CAST('Division by zero' AS BIGINT) ELSE x END;
CREATE OR REPLACE TEMP MACRO t_divide_whole(a, b, f) AS
  CASE WHEN b = 0 THEN CAST('Division by zero' AS HUGEINT)
       ELSE (abs(a) * f + abs(b) // 2) // abs(b) * CASE WHEN (a < 0) <> (b < 0) THEN -1 ELSE 1 END END;
CREATE OR REPLACE TEMP MACRO t_float_mod(a, b) AS CASE WHEN isnan(a) OR isnan(b) OR isinf(a) THEN CAST('nan' AS DOUBLE) WHEN isinf(b) THEN a ELSE a % b END;
CREATE OR REPLACE TEMP MACRO t_float_sign(x) AS CASE WHEN isnan(x) THEN x ELSE sign(x) END;
CREATE OR REPLACE TEMP MACRO t_round_half_up(x) AS floor(x + 0.5);
CREATE OR REPLACE TEMP MACRO t_round_double(x) AS round(x);
CREATE OR REPLACE TEMP MACRO t_round_whole(x, n) AS
  CASE WHEN n >= 0 THEN x WHEN n < -18 THEN CAST('Decimal overflow' AS BIGINT)
       ELSE ((abs(CAST(x AS HUGEINT)) + CAST(pow(10, -n) AS HUGEINT) // 2) // CAST(pow(10, -n) AS HUGEINT)) * CAST(pow(10, -n) AS HUGEINT) * sign(x) END;
CREATE OR REPLACE TEMP MACRO t_sqrt(x) AS CASE WHEN x < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt(x) END;
CREATE OR REPLACE TEMP MACRO t_ln(x) AS CASE WHEN isnan(x) OR x < 0 THEN CAST('nan' AS DOUBLE) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) ELSE ln(x) END;
CREATE OR REPLACE TEMP MACRO t_log2(x) AS CASE WHEN isnan(x) OR x < 0 THEN CAST('nan' AS DOUBLE) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) ELSE t_ln(x) / ln(CAST(2 AS DOUBLE)) END;
CREATE OR REPLACE TEMP MACRO t_log10(x) AS CASE WHEN isnan(x) OR x < 0 THEN CAST('nan' AS DOUBLE) WHEN x = 0 THEN CAST('-inf' AS DOUBLE) ELSE log10(x) END;
CREATE OR REPLACE TEMP MACRO t_log(b, x) AS t_ln(x) / t_ln(b);
CREATE OR REPLACE TEMP MACRO t_acos(x) AS CASE WHEN isnan(x) OR abs(x) > 1 THEN CAST('nan' AS DOUBLE) ELSE acos(x) END;
CREATE OR REPLACE TEMP MACRO t_asin(x) AS CASE WHEN isnan(x) OR abs(x) > 1 THEN CAST('nan' AS DOUBLE) ELSE asin(x) END;
CREATE OR REPLACE TEMP MACRO t_random(n) AS CAST(floor(random() * CASE WHEN n <= 0 THEN CAST('bound must be positive' AS BIGINT) ELSE n END) AS BIGINT),
  (a, b) AS a + CAST(floor(random() * (CASE WHEN b <= a THEN CAST('start must be less than stop' AS BIGINT) ELSE b END - a)) AS BIGINT);
CREATE OR REPLACE TEMP MACRO t_bitwise_and(a, b) AS a & b;
CREATE OR REPLACE TEMP MACRO t_bitwise_or(a, b) AS a | b;
CREATE OR REPLACE TEMP MACRO t_bitwise_not(a) AS -1 - a;
CREATE OR REPLACE TEMP MACRO t_bit_count(x, b) AS
  CASE WHEN b < 2 OR b > 64 THEN CAST('bits must be between 2 and 64' AS BIGINT)
       WHEN b < 64 AND (x >= CAST(pow(2, b - 1) AS HUGEINT) OR x < -CAST(pow(2, b - 1) AS HUGEINT)) THEN CAST('Number must be representable with the bits specified' AS BIGINT)
       WHEN x >= 0 THEN bit_count(CAST(x AS BIGINT)) ELSE bit_count(CAST(x AS BIGINT)) - (64 - b) END;
-- DuckDB corrects the skewness of a sample, Trino takes the values for all there are.
CREATE OR REPLACE TEMP MACRO t_population_skewness(s, n) AS CASE WHEN n > 2 THEN s * (n - 2) / sqrt(n * (n - 1)) END;
CREATE OR REPLACE TEMP MACRO t_cosine_similarity(a, b) AS
  CASE WHEN a IS NULL OR b IS NULL THEN NULL
       ELSE CAST(coalesce(list_sum(list_transform(map_keys(a), lambda k: a[k] * coalesce(b[k], 0))), 0) AS DOUBLE)
         / (sqrt(list_sum(list_transform(map_values(a), lambda v: v * v))) * sqrt(list_sum(list_transform(map_values(b), lambda v: v * v)))) END;
CREATE OR REPLACE TEMP MACRO t_greatest_float(l) AS
  CASE WHEN l IS NULL OR len(l) = 0 OR list_position(l, NULL) IS NOT NULL THEN NULL
       ELSE coalesce(list_max(list_filter(l, lambda x: NOT isnan(x))), CAST('nan' AS DOUBLE)) END;
CREATE OR REPLACE TEMP MACRO t_least_float(l) AS
  CASE WHEN l IS NULL OR len(l) = 0 OR list_position(l, NULL) IS NOT NULL THEN NULL
       ELSE coalesce(list_min(list_filter(l, lambda x: NOT isnan(x))), CAST('nan' AS DOUBLE)) END;

CREATE OR REPLACE TEMP MACRO t_decimal_text(x) AS CASE WHEN CAST(x AS VARCHAR) LIKE '.%' THEN '0' || CAST(x AS VARCHAR) WHEN CAST(x AS VARCHAR) LIKE '-.%' THEN '-0' || substr(CAST(x AS VARCHAR), 2) ELSE CAST(x AS VARCHAR) END;

CREATE OR REPLACE TEMP MACRO t_blanks() AS chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(28) || chr(29) || chr(30) || chr(31) || ' ' || chr(5760) || chr(8192) || chr(8193) || chr(8194) || chr(8195) || chr(8196) || chr(8197) || chr(8198) || chr(8200) || chr(8201) || chr(8202) || chr(8232) || chr(8233) || chr(8287) || chr(12288);
CREATE OR REPLACE TEMP MACRO t_trim(s) AS trim(s, t_blanks());
CREATE OR REPLACE TEMP MACRO t_ltrim(s) AS ltrim(s, t_blanks());
CREATE OR REPLACE TEMP MACRO t_rtrim(s) AS rtrim(s, t_blanks());

-- text read as another type
CREATE OR REPLACE TEMP MACRO t_text_boolean(s) AS
  CASE lower(s) WHEN 'true' THEN true WHEN 't' THEN true WHEN '1' THEN true WHEN 'false' THEN false WHEN 'f' THEN false WHEN '0' THEN false
    ELSE CASE WHEN s IS NULL THEN NULL ELSE CAST('Cannot cast to boolean' AS BOOLEAN) END END;
CREATE OR REPLACE TEMP MACRO t_text_bigint(s) AS
  CASE WHEN s IS NULL THEN NULL WHEN regexp_full_match(s, '[+-]?[0-9]+') THEN CAST(s AS BIGINT) ELSE CAST('Cannot cast to bigint' AS BIGINT) END;
CREATE OR REPLACE TEMP MACRO t_text_double(s) AS
  CASE WHEN s IS NULL THEN NULL
       WHEN regexp_full_match(trim(s), '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[dDfF]?') THEN CAST(rtrim(trim(s), 'dDfF') AS DOUBLE)
       WHEN regexp_full_match(trim(s), '[+-]?(NaN|Infinity)') THEN CAST(replace(replace(trim(s), '-NaN', 'NaN'), '+', '') AS DOUBLE)
       ELSE CAST('Cannot cast to double' AS DOUBLE) END;
CREATE OR REPLACE TEMP MACRO t_text_decimal(s) AS
  CASE WHEN s IS NULL THEN NULL WHEN regexp_full_match(s, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?') THEN s ELSE 'Cannot cast to decimal' END;
CREATE OR REPLACE TEMP MACRO t_finite_text(x) AS CASE WHEN isfinite(x) THEN CAST(CAST(x AS DOUBLE) AS VARCHAR) ELSE CASE WHEN x IS NULL THEN NULL ELSE 'Cannot cast to decimal' END END;
CREATE OR REPLACE TEMP MACRO t_text_date(s) AS
  CASE WHEN s IS NULL THEN NULL WHEN regexp_full_match(s, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN CAST(s AS DATE)
       WHEN regexp_full_match(t_trim(s), '[+]?0{0,5}[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}') THEN CAST(regexp_replace(regexp_replace(t_trim(s), '^[+]?0*', '000'), '^0*([0-9]{4}-)', '\1') AS DATE) ELSE CAST('Cannot cast to date' AS DATE) END;
CREATE OR REPLACE TEMP MACRO t_text_local(s) AS
  CASE WHEN s IS NULL THEN NULL
       WHEN regexp_full_match(trim(s), '[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,6})?)?)?')
       THEN CAST(CASE WHEN regexp_full_match(trim(s), '[^ ]* [0-9]+:[0-9]+') THEN trim(s) || ':00' ELSE trim(s) END AS TIMESTAMP)
       ELSE CAST('Cannot cast to timestamp' AS TIMESTAMP) END;
-- A zone behind the time is read and left out, as in Trino.
CREATE OR REPLACE TEMP MACRO t_text_timestamp(s) AS t_text_local(regexp_replace(trim(s), '^([^ ]+(?: [0-9:.]+)?) ?(UTC|[+-][0-9]{2}:[0-9]{2})$', '\1'));
CREATE OR REPLACE TEMP MACRO t_text_time(s) AS
  CASE WHEN s IS NULL THEN NULL
       WHEN regexp_full_match(s, '[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,6})?)?')
       THEN CAST(CASE WHEN regexp_full_match(s, '[0-9]+:[0-9]+') THEN s || ':00' ELSE s END AS TIME) ELSE CAST('Cannot cast to time' AS TIME) END;
CREATE OR REPLACE TEMP MACRO t_text_uuid(s) AS
  CASE WHEN s IS NULL THEN NULL WHEN regexp_full_match(s, '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}') THEN lower(s) ELSE CAST(CAST('Cannot cast value to UUID' AS BIGINT) AS VARCHAR) END;
CREATE OR REPLACE TEMP MACRO t_bytes_uuid(b) AS
  CASE WHEN b IS NULL THEN NULL WHEN octet_length(b) = 16 THEN lower(regexp_replace(hex(b), '(.{8})(.{4})(.{4})(.{4})(.{12})', '\1-\2-\3-\4-\5')) ELSE CAST(CAST('Cannot cast value to UUID' AS BIGINT) AS VARCHAR) END;
CREATE OR REPLACE TEMP MACRO t_fitting_text(s, n) AS left(s, CASE WHEN length(s) <= n THEN n ELSE CAST('Value cannot be represented as varchar' AS BIGINT) END);

-- text
CREATE OR REPLACE TEMP MACRO t_capped(n) AS CASE WHEN n < 0 OR n > 1000000 THEN CAST('size is out of range' AS BIGINT) ELSE n END;
CREATE OR REPLACE TEMP MACRO t_lpad(s, n, p) AS
  CASE WHEN p = '' THEN CAST('Padding string must not be empty' AS BIGINT)::VARCHAR ELSE lpad(s, CAST(t_capped(n) AS INTEGER), p) END;
CREATE OR REPLACE TEMP MACRO t_rpad(s, n, p) AS
  CASE WHEN p = '' THEN CAST('Padding string must not be empty' AS BIGINT)::VARCHAR ELSE rpad(s, CAST(t_capped(n) AS INTEGER), p) END;
-- Java has no capital of a sharp s that is one letter.
CREATE OR REPLACE TEMP MACRO t_upper(s) AS CASE WHEN contains(s, 'ß') THEN array_to_string(list_transform(string_split(s, 'ß'), lambda x: upper(x)), 'ß') ELSE upper(s) END;
CREATE OR REPLACE TEMP MACRO t_remove(s, x) AS replace(s, x, '');
CREATE OR REPLACE TEMP MACRO t_replace(s, x, y) AS CASE WHEN x = '' THEN py_replace_empty(s, y) ELSE replace(s, x, y) END;
CREATE OR REPLACE TEMP MACRO t_split(s, d) AS CASE WHEN d = '' THEN CAST(['' || CAST(CAST('The delimiter may not be the empty string' AS BIGINT) AS VARCHAR)] AS VARCHAR[]) ELSE string_split(s, d) END;
CREATE OR REPLACE TEMP MACRO t_split_part(s, d, i) AS
  CASE WHEN s IS NULL OR d IS NULL OR i IS NULL THEN NULL
       WHEN i <= 0 THEN CAST(CAST('Index must be greater than zero' AS BIGINT) AS VARCHAR)
       WHEN d = '' THEN CASE WHEN i <= length(s) THEN substr(s, i, 1) END
       ELSE list_extract(string_split(s, d), i) END;
CREATE OR REPLACE TEMP MACRO t_substr(s, i) AS
  CASE WHEN s IS NULL OR i IS NULL THEN NULL WHEN i = 0 OR abs(i) > length(s) THEN '' ELSE substr(s, i) END;
CREATE OR REPLACE TEMP MACRO t_substr_of(s, i, n) AS
  CASE WHEN s IS NULL OR i IS NULL OR n IS NULL THEN NULL WHEN i = 0 OR n <= 0 OR abs(i) > length(s) THEN '' ELSE substr(s, i, n) END;
CREATE OR REPLACE TEMP MACRO t_join_present(a, d) AS
  CASE WHEN a IS NULL OR d IS NULL THEN NULL ELSE coalesce(array_to_string(list_filter(a, lambda x: x IS NOT NULL), d), '') END;
CREATE OR REPLACE TEMP MACRO t_join_all(a, d, r) AS
  CASE WHEN a IS NULL OR d IS NULL OR r IS NULL THEN NULL ELSE coalesce(array_to_string(list_transform(a, lambda x: coalesce(x, r)), d), '') END;
CREATE OR REPLACE TEMP MACRO t_present(a) AS CASE WHEN len(list_filter(a, lambda x: x IS NOT NULL)) = 0 THEN NULL ELSE list_filter(a, lambda x: x IS NOT NULL) END;
-- Trino's listagg gives at most 1 MiB.
CREATE OR REPLACE TEMP MACRO t_short_text(s) AS CASE WHEN strlen(s) > 1048576 THEN CAST(CAST('Concatenated string is too large' AS BIGINT) AS VARCHAR) ELSE s END;
CREATE OR REPLACE TEMP MACRO t_listagg(a, d) AS CASE WHEN t_present(a) IS NULL THEN NULL ELSE t_short_text(array_to_string(a, d)) END;
CREATE OR REPLACE TEMP MACRO t_interleave(g, m) AS
  CASE WHEN g IS NULL OR list_position(m, NULL) IS NOT NULL THEN NULL
       ELSE array_to_string(list_transform(range(1, len(g) + 1), lambda i: g[i] || coalesce(m[i], '')), '') END;
CREATE OR REPLACE TEMP MACRO t_json_format(j) AS CAST(j AS VARCHAR);
CREATE OR REPLACE TEMP MACRO t_json_list(a) AS CASE WHEN a IS NULL THEN NULL ELSE '[' || coalesce(array_to_string(a, ','), '') || ']' END;
CREATE OR REPLACE TEMP MACRO t_json_fields(a) AS CASE WHEN list_position(a, NULL) IS NOT NULL THEN CAST(CAST('null value passed for JSON object key' AS BIGINT) AS VARCHAR) ELSE '' END || '{' || coalesce(array_to_string(a, ','), '') || '}';
CREATE OR REPLACE TEMP MACRO t_json_present(a) AS '[' || coalesce(array_to_string(list_filter(a, lambda x: x IS NOT NULL), ','), '') || ']';
CREATE OR REPLACE TEMP MACRO t_json_object(k, v) AS
  CASE WHEN k IS NULL THEN NULL
       ELSE '{' || coalesce(array_to_string(list_sort(list_transform(range(1, len(k) + 1), lambda i: k[i] || ':' || v[i])), ','), '') || '}' END;

-- times
CREATE OR REPLACE TEMP MACRO t_whole_days(ms) AS CAST(CASE WHEN ms % 86400000 = 0 THEN ms // 86400000 ELSE CAST('Cannot add hour, minutes or seconds to a date' AS BIGINT) END AS INTEGER);
CREATE OR REPLACE TEMP MACRO t_elapsed_ms(a, b) AS CAST(round((a - b) / 1000.0::DOUBLE) AS BIGINT);
CREATE OR REPLACE TEMP MACRO t_clock(us) AS CAST(TIMESTAMP '2000-01-01 00:00:00' + to_microseconds(((CAST(us AS BIGINT) % 86400000000) + 86400000000) % 86400000000) AS TIME);
CREATE OR REPLACE TEMP MACRO t_shift_time(x, ms) AS t_clock(epoch_us(x) + ms * 1000);
CREATE OR REPLACE TEMP MACRO t_round_up(us, u) AS us - (((us % u) + u) % u) + CASE WHEN ((us % u) + u) % u * 2 >= u THEN u ELSE 0 END;
CREATE OR REPLACE TEMP MACRO t_round_timestamp(x, u) AS make_timestamp(t_round_up(epoch_us(x), u));
CREATE OR REPLACE TEMP MACRO t_round_instant(x, u) AS CAST(make_timestamp(t_round_up(epoch_us(x), u)) AS TIMESTAMPTZ);
CREATE OR REPLACE TEMP MACRO t_round_time(x, u) AS t_clock(t_round_up(epoch_us(x), u));
CREATE OR REPLACE TEMP MACRO t_timestamp_text(x, p) AS CASE WHEN p = 0 THEN strftime(x, '%Y-%m-%d %H:%M:%S') ELSE strftime(x, '%Y-%m-%d %H:%M:%S.') || left(strftime(x, '%f'), p) END;
CREATE OR REPLACE TEMP MACRO t_iso_text(x, p) AS CASE WHEN p = 0 THEN strftime(x, '%Y-%m-%dT%H:%M:%S') ELSE strftime(x, '%Y-%m-%dT%H:%M:%S.') || left(strftime(x, '%f'), p) END;
CREATE OR REPLACE TEMP MACRO t_time_text(x, p) AS t_timestamp_text(TIMESTAMP '2000-01-01 00:00:00' + to_microseconds(epoch_us(x)), p)[12:];
CREATE OR REPLACE TEMP MACRO t_day_time_text(ms) AS
  CASE WHEN ms < 0 THEN '-' ELSE '' END || CAST(abs(ms) // 86400000 AS VARCHAR) || ' ' || lpad(CAST(abs(ms) // 3600000 % 24 AS VARCHAR), 2, '0') || ':' ||
  lpad(CAST(abs(ms) // 60000 % 60 AS VARCHAR), 2, '0') || ':' || lpad(CAST(abs(ms) // 1000 % 60 AS VARCHAR), 2, '0') || '.' || lpad(CAST(abs(ms) % 1000 AS VARCHAR), 3, '0');
CREATE OR REPLACE TEMP MACRO t_year_month_text(m) AS CASE WHEN m < 0 THEN '-' ELSE '' END || CAST(abs(m) // 12 AS VARCHAR) || '-' || CAST(abs(m) % 12 AS VARCHAR);
CREATE OR REPLACE TEMP MACRO t_interval_day(ms) AS ms // 86400000;
CREATE OR REPLACE TEMP MACRO t_interval_hour(ms) AS ms // 3600000 % 24;
CREATE OR REPLACE TEMP MACRO t_interval_minute(ms) AS ms // 60000 % 60;
CREATE OR REPLACE TEMP MACRO t_interval_second(ms) AS ms // 1000 % 60;
CREATE OR REPLACE TEMP MACRO t_interval_millisecond(ms) AS ms % 1000;
CREATE OR REPLACE TEMP MACRO t_interval_year(m) AS m // 12;
CREATE OR REPLACE TEMP MACRO t_interval_month(m) AS m % 12;
CREATE OR REPLACE TEMP MACRO t_millisecond(x) AS millisecond(x) % 1000;
CREATE OR REPLACE TEMP MACRO t_zone_minutes(l, u) AS (epoch_us(l) - epoch_us(u)) // 60000000;
CREATE OR REPLACE TEMP MACRO t_timezone_hour(m) AS m // 60;
CREATE OR REPLACE TEMP MACRO t_timezone_minute(m) AS m % 60;
CREATE OR REPLACE TEMP MACRO t_offset_text(m) AS CASE WHEN m < 0 THEN '-' ELSE '+' END || lpad(CAST(abs(m) // 60 AS VARCHAR), 2, '0') || ':' || lpad(CAST(abs(m) % 60 AS VARCHAR), 2, '0');
CREATE OR REPLACE TEMP MACRO t_trunc_time(u, x) AS CAST(date_trunc(u, TIMESTAMP '2000-01-01 00:00:00' + to_microseconds(epoch_us(x))) AS TIME);
CREATE OR REPLACE TEMP MACRO t_diff_week(a, b) AS date_sub('day', a, b) // 7;
CREATE OR REPLACE TEMP MACRO t_diff_quarter(a, b) AS date_sub('month', a, b) // 3;
CREATE OR REPLACE TEMP MACRO t_diff_time(u, a, b) AS (epoch_us(b) - epoch_us(a)) // CASE u WHEN 'millisecond' THEN 1000 WHEN 'second' THEN 1000000 WHEN 'minute' THEN 60000000 ELSE 3600000000 END;
CREATE OR REPLACE TEMP MACRO t_from_unixtime(s) AS CAST(make_timestamp(CAST(round(s * 1000) AS BIGINT) * 1000) AS TIMESTAMPTZ);

-- arrays
CREATE OR REPLACE TEMP MACRO t_has_null(a) AS list_position(a, NULL) IS NOT NULL;
CREATE OR REPLACE TEMP MACRO t_without_nulls(n, x) AS CASE WHEN n THEN list_extract([x], CAST('comparison not supported for values with null elements' AS BIGINT)) ELSE x END;
CREATE OR REPLACE TEMP MACRO t_decided(e, o) AS CASE WHEN o AND (e IS NULL) THEN CAST('elements that contain null are not supported' AS BOOLEAN) ELSE e END;
CREATE OR REPLACE TEMP MACRO t_position_of_true(m) AS CASE WHEN m IS NULL THEN NULL ELSE coalesce(list_position(m, true), 0) END;
CREATE OR REPLACE TEMP MACRO t_keep_unmatched(a, m) AS list_transform(list_filter(range(1, len(a) + 1), lambda i: coalesce(NOT m[i], false)), lambda i: a[i]);
-- Trino keeps at most 10,000 values for the n of min, max, min_by and max_by.
CREATE OR REPLACE TEMP MACRO t_sample_size(n) AS CASE WHEN n <= 0 OR n > 10000 THEN CAST('the number of values must be between 1 and 10000' AS BIGINT) ELSE n END;
CREATE OR REPLACE TEMP MACRO t_ordered(r, a, b) AS CASE WHEN a OR b THEN CAST('comparison not supported for values with null elements' AS BOOLEAN) ELSE r END;
CREATE OR REPLACE TEMP MACRO t_equal_lists(n, m, e) AS
  CASE WHEN n IS NULL OR m IS NULL THEN NULL WHEN n <> m THEN false WHEN list_position(e, false) IS NOT NULL THEN false WHEN list_position(e, NULL) IS NOT NULL THEN NULL ELSE true END;
CREATE OR REPLACE TEMP MACRO t_positions(a, b) AS range(1, greatest(a, b) + 1);
CREATE OR REPLACE TEMP MACRO t_longest(l) AS range(1, coalesce(list_max(l), 0) + 1);
CREATE OR REPLACE TEMP MACRO t_concat(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_concat(a, b) END;
CREATE OR REPLACE TEMP MACRO t_array_distinct(a) AS list_filter(a, lambda x, i: list_position(a, x) = i);
CREATE OR REPLACE TEMP MACRO t_array_except(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_filter(a, lambda x, i: list_position(a, x) = i AND list_position(b, x) IS NULL) END;
-- Trino walks the longer array.
CREATE OR REPLACE TEMP MACRO t_array_intersect(a, b) AS
  CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN len(a) >= len(b) THEN list_filter(a, lambda x, i: list_position(a, x) = i AND list_position(b, x) IS NOT NULL)
       ELSE list_filter(b, lambda x, i: list_position(b, x) = i AND list_position(a, x) IS NOT NULL) END;
CREATE OR REPLACE TEMP MACRO t_array_union(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE t_array_distinct(list_concat(a, b)) END;
CREATE OR REPLACE TEMP MACRO t_array_min(a) AS CASE WHEN list_position(a, NULL) IS NOT NULL THEN NULL ELSE list_min(a) END;
CREATE OR REPLACE TEMP MACRO t_array_max(a) AS CASE WHEN list_position(a, NULL) IS NOT NULL THEN NULL ELSE list_max(a) END;
CREATE OR REPLACE TEMP MACRO t_array_position(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL ELSE coalesce(list_position(a, x), 0) END,
  (a, x, n) AS CASE WHEN a IS NULL OR x IS NULL OR n IS NULL THEN NULL WHEN n = 0 THEN CAST('instance must not be 0' AS BIGINT)
    ELSE coalesce(list_extract(list_filter(range(1, len(a) + 1), lambda i: a[i] = x), n), 0) END;
CREATE OR REPLACE TEMP MACRO t_array_remove(a, y) AS CASE WHEN y IS NULL THEN NULL ELSE list_filter(a, lambda x: x IS NULL OR x <> y) END;
CREATE OR REPLACE TEMP MACRO t_contains(a, x) AS
  CASE WHEN a IS NULL OR x IS NULL THEN NULL WHEN list_position(a, x) IS NOT NULL THEN true WHEN list_position(a, NULL) IS NOT NULL THEN NULL ELSE false END;
CREATE OR REPLACE TEMP MACRO t_arrays_overlap(a, b) AS
  CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN len(list_filter(a, lambda x: x IS NOT NULL AND list_position(b, x) IS NOT NULL)) > 0 THEN true
       WHEN len(a) > 0 AND len(b) > 0 AND (list_position(a, NULL) IS NOT NULL OR list_position(b, NULL) IS NOT NULL) THEN NULL ELSE false END;
CREATE OR REPLACE TEMP MACRO t_array_histogram(a) AS
  CASE WHEN a IS NULL THEN NULL ELSE map(list_filter(a, lambda x, i: x IS NOT NULL AND list_position(a, x) = i),
    list_transform(list_filter(a, lambda x, i: x IS NOT NULL AND list_position(a, x) = i), lambda x: CAST(len(list_filter(a, lambda y: y = x)) AS BIGINT))) END;
CREATE OR REPLACE TEMP MACRO t_flatten(a) AS flatten(list_filter(a, lambda x: x IS NOT NULL));
CREATE OR REPLACE TEMP MACRO t_ngrams(a, n) AS
  CASE WHEN a IS NULL THEN NULL WHEN len(a) <= CASE WHEN n < 1 THEN CAST('N must be positive' AS BIGINT) ELSE n END THEN [a] ELSE list_transform(range(1, len(a) - n + 2), lambda i: list_slice(a, i, i + n - 1)) END;
CREATE OR REPLACE TEMP MACRO t_repeat(x, n, b) AS CASE WHEN n IS NULL THEN NULL ELSE list_transform(range(CASE WHEN n < 0 OR n > 10000 OR coalesce(b, 0) * n >= 1000000 THEN CAST('count is out of range' AS BIGINT) ELSE n END), lambda i: x) END;
CREATE OR REPLACE TEMP MACRO t_shuffle(a) AS list_transform(list_sort(list_transform(a, lambda x: {'r': random(), 'x': x})), lambda e: e.x);
CREATE OR REPLACE TEMP MACRO t_slice(a, s, n) AS
  CASE WHEN a IS NULL OR s IS NULL OR n IS NULL THEN NULL
       WHEN abs(CASE WHEN s = 0 THEN CAST('SQL array indices start at 1' AS BIGINT) ELSE s END) > len(a) OR CASE WHEN n < 0 THEN CAST('length must be greater than or equal to 0' AS BIGINT) ELSE n END = 0 THEN list_slice(a, 1, 0)
       WHEN s > 0 THEN list_slice(a, s, s + least(n, 1000000000) - 1) ELSE list_slice(a, len(a) + s + 1, len(a) + s + least(n, 1000000000)) END;
CREATE OR REPLACE TEMP MACRO t_trim_array(a, n) AS
  CASE WHEN a IS NULL OR n IS NULL THEN NULL ELSE list_slice(a, 1, len(a) - CASE WHEN n < 0 OR n > len(a) THEN CAST('size is out of range' AS BIGINT) ELSE n END) END;
CREATE OR REPLACE TEMP MACRO t_subscript(a, i) AS CASE WHEN a IS NULL OR i IS NULL THEN NULL WHEN i BETWEEN 1 AND len(a) THEN i ELSE CAST('Array subscript out of bounds' AS BIGINT) END;
CREATE OR REPLACE TEMP MACRO t_element_at(a, i) AS list_extract(a, CASE WHEN i = 0 THEN CAST('SQL array indices start at 1' AS BIGINT) ELSE i END);
CREATE OR REPLACE TEMP MACRO t_any_match(l) AS CASE WHEN l IS NULL THEN NULL WHEN list_position(l, true) IS NOT NULL THEN true WHEN list_position(l, NULL) IS NOT NULL THEN NULL ELSE false END;
CREATE OR REPLACE TEMP MACRO t_all_match(l) AS CASE WHEN l IS NULL THEN NULL WHEN list_position(l, false) IS NOT NULL THEN false WHEN list_position(l, NULL) IS NOT NULL THEN NULL ELSE true END;
CREATE OR REPLACE TEMP MACRO t_none_match(l) AS NOT t_any_match(l);
CREATE OR REPLACE TEMP MACRO t_order(o) AS CASE WHEN o BETWEEN -1 AND 1 THEN o ELSE CAST('Lambda comparator must return either -1, 0, or 1' AS BIGINT) END;
CREATE OR REPLACE TEMP MACRO t_by_rank(a, r) AS list_transform(range(0, len(a)), lambda i: a[CASE WHEN list_position(r, i) IS NULL THEN CAST('The comparator is not consistent' AS BIGINT) ELSE list_position(r, i) END]);
CREATE OR REPLACE TEMP MACRO t_contains_sequence(a, b) AS
  CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN len(b) = 0 THEN true
       ELSE len(list_filter(range(1, greatest(len(a) - len(b), -1) + 2), lambda i: list_slice(a, i, i + len(b) - 1) = b)) > 0 END;
CREATE OR REPLACE TEMP MACRO t_combinations(a, n) AS
  CASE WHEN a IS NULL OR n IS NULL THEN NULL ELSE list_transform(py_combinations(CAST(len(a) AS BIGINT), n), lambda c: list_transform(c, lambda i: a[i])) END;
CREATE OR REPLACE TEMP MACRO t_steps(n) AS CASE WHEN n > 10000 THEN CAST('result of sequence function must not have more than 10000 entries' AS BIGINT) ELSE n END;
CREATE OR REPLACE TEMP MACRO t_sequence_by(a, b, s) AS
  CASE WHEN a IS NULL OR b IS NULL OR s IS NULL THEN NULL ELSE list_transform(range(0, t_steps(
    (b - a) // CASE WHEN s = 0 OR (b > a AND s < 0) OR (b < a AND s > 0) THEN CAST('sequence stop value should be greater than or equal to start value if step is greater than zero' AS BIGINT) ELSE s END + 1)), lambda i: a + i * s) END;
CREATE OR REPLACE TEMP MACRO t_sequence(a, b) AS t_sequence_by(a, b, CASE WHEN b >= a THEN 1 ELSE -1 END), (a, b, s) AS t_sequence_by(a, b, s);
CREATE OR REPLACE TEMP MACRO t_sequence_days(a, b) AS list_transform(t_sequence(CAST(epoch(a) AS BIGINT) // 86400, CAST(epoch(b) AS BIGINT) // 86400), lambda d: CAST(DATE '1970-01-01' + CAST(d AS INTEGER) AS DATE));
CREATE OR REPLACE TEMP MACRO t_sequence_ms(a, b, s) AS list_transform(t_sequence_by(epoch_us(a), epoch_us(b), s * 1000), lambda u: make_timestamp(u));
CREATE OR REPLACE TEMP MACRO t_sequence_months(a, b, s) AS
  CASE WHEN s = 0 OR (b > a AND s < 0) OR (b < a AND s > 0) THEN [make_timestamp(CAST('sequence stop value should be greater than or equal to start value if step is greater than zero' AS BIGINT))]
       ELSE list_transform(range(0, t_steps(date_sub('month', a, b) // s + 1)), lambda i: a + to_months(CAST(i * s AS INTEGER))) END;

-- maps
CREATE OR REPLACE TEMP MACRO t_cardinality(m) AS CAST(len(map_keys(m)) AS BIGINT);
CREATE OR REPLACE TEMP MACRO t_map(k, v) AS
  CASE WHEN k IS NULL OR v IS NULL THEN NULL WHEN len(k) <> len(v) THEN map(k, list_slice(v, 1, CAST('Key and value arrays must be the same length' AS BIGINT))) ELSE map(k, v) END;
CREATE OR REPLACE TEMP MACRO t_entries(m) AS list_transform(map_entries(m), lambda e: struct_pack(f0 := e.key, f1 := e.value));
CREATE OR REPLACE TEMP MACRO t_map_from_entries(e) AS CASE WHEN e IS NULL THEN NULL ELSE map(list_transform(e, lambda x: x.f0), list_transform(e, lambda x: x.f1)) END;
CREATE OR REPLACE TEMP MACRO t_map_of_first(e) AS
  CASE WHEN e IS NULL THEN NULL ELSE t_map_from_entries(list_filter(e, lambda x, i: x.f0 IS NOT NULL AND list_position(list_transform(e, lambda y: y.f0), x.f0) = i)) END;
CREATE OR REPLACE TEMP MACRO t_present_keys(e) AS list_filter(e, lambda x: x.f0 IS NOT NULL);
CREATE OR REPLACE TEMP MACRO t_multimap_from_entries(e) AS
  CASE WHEN e IS NULL THEN NULL ELSE map(t_array_distinct(list_transform(e, lambda x: x.f0)),
    list_transform(t_array_distinct(list_transform(e, lambda x: x.f0)), lambda k: list_transform(list_filter(e, lambda x: x.f0 = k), lambda x: x.f1))) END;
CREATE OR REPLACE TEMP MACRO t_existing_key(m, k) AS CASE WHEN m IS NULL OR k IS NULL THEN NULL WHEN list_contains(map_keys(m), k) THEN k ELSE list_extract([k], CAST('Key not present in map' AS BIGINT)) END;
CREATE OR REPLACE TEMP MACRO t_map_concat_two(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE map_concat(a, b) END;
CREATE OR REPLACE TEMP MACRO t_map_concat(a, b) AS t_map_concat_two(a, b),
  (a, b, c) AS t_map_concat_two(t_map_concat_two(a, b), c), (a, b, c, d) AS t_map_concat_two(t_map_concat_two(t_map_concat_two(a, b), c), d);
