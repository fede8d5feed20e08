# What the gateway itself answers reads like what the application answers (RFC 9457).
locals {
  gateway_problems = {
    ACCESS_DENIED                  = { status = 403, code = "FORBIDDEN", detail = "not allowed" }
    API_CONFIGURATION_ERROR        = { status = 500, code = "INTERNAL", detail = "an error of the service" }
    AUTHORIZER_CONFIGURATION_ERROR = { status = 500, code = "INTERNAL", detail = "an error of the service" }
    AUTHORIZER_FAILURE             = { status = 500, code = "INTERNAL", detail = "an error of the service" }
    BAD_REQUEST_BODY               = { status = 400, code = "BAD_REQUEST", detail = "the body is not of its form" }
    BAD_REQUEST_PARAMETERS         = { status = 400, code = "INVALID_PARAMETER", detail = "the parameter query is missing" }
    EXPIRED_TOKEN                  = { status = 401, code = "UNAUTHENTICATED", detail = "the token or signature has expired" }
    INTEGRATION_FAILURE            = { status = 503, code = "UNAVAILABLE", detail = "the service cannot answer now; the same request may pass later" }
    INTEGRATION_TIMEOUT            = { status = 504, code = "QUERY_TIMEOUT", detail = "no answer within 29 seconds; POST /queries does not wait" }
    INVALID_API_KEY                = { status = 401, code = "UNAUTHENTICATED", detail = "no valid key" }
    INVALID_SIGNATURE              = { status = 401, code = "UNAUTHENTICATED", detail = "the signature is not valid" }
    MISSING_AUTHENTICATION_TOKEN   = { status = 401, code = "UNAUTHENTICATED", detail = "no signature or token, or no such route" }
    QUOTA_EXCEEDED                 = { status = 429, code = "RATE_LIMITED", detail = "too many requests" }
    REQUEST_TOO_LARGE              = { status = 413, code = "PAYLOAD_TOO_LARGE", detail = "larger than 10 MB" }
    RESOURCE_NOT_FOUND             = { status = 404, code = "NOT_FOUND", detail = "no such route" }
    THROTTLED                      = { status = 429, code = "RATE_LIMITED", detail = "too many requests" }
    UNAUTHORIZED                   = { status = 401, code = "UNAUTHENTICATED", detail = "no valid token" }
    UNSUPPORTED_MEDIA_TYPE         = { status = 415, code = "UNSUPPORTED_MEDIA_TYPE", detail = "not a media type that is read here" }
    WAF_FILTERED                   = { status = 403, code = "FORBIDDEN", detail = "not allowed" }
    DEFAULT_4XX                    = { status = 400, code = "BAD_REQUEST", detail = "the request is not of its form" }
    DEFAULT_5XX                    = { status = 500, code = "INTERNAL", detail = "an error of the service" }
  }

  # RATE_LIMITED is "Rate limited", as in http_api/problem.py.
  problem_titles = {
    for code in distinct([for problem in values(local.gateway_problems) : problem.code]) : code =>
    "${substr(code, 0, 1)}${lower(replace(substr(code, 1, -1), "_", " "))}"
  }

  problem_headers = {
    "gatewayresponse.header.Content-Type"  = "'application/problem+json'"
    "gatewayresponse.header.Cache-Control" = "'no-store'"
  }
  problem_headers_by_status = {
    401 = { "gatewayresponse.header.WWW-Authenticate" = length(var.cognito_user_pool_arns) > 0 ? "'Bearer'" : "'AWS4-HMAC-SHA256'" }
    429 = { "gatewayresponse.header.Retry-After" = "'1'" }
    503 = { "gatewayresponse.header.Retry-After" = "'5'" }
  }
}

resource "aws_api_gateway_gateway_response" "problem" {
  for_each = local.gateway_problems

  rest_api_id         = aws_api_gateway_rest_api.query.id
  response_type       = each.key
  status_code         = each.value.status
  response_parameters = merge(local.problem_headers, lookup(local.problem_headers_by_status, each.value.status, {}))
  response_templates = {
    "application/json" = jsonencode({
      type       = "urn:medical-data-pipeline:problem:${lower(replace(each.value.code, "_", "-"))}"
      title      = local.problem_titles[each.value.code]
      status     = each.value.status
      detail     = each.value.detail
      instance   = "urn:uuid:$context.requestId"
      code       = each.value.code
      request_id = "$context.requestId"
      errors     = []
    })
  }
}
