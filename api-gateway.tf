# The routes of the application in src/medical_data_pipeline/http_api; a test compares them.
locals {
  routes = toset([
    "GET /health",
    "GET /loads",
    "GET /loads/{load_id}",
    "GET /loads/{load_id}/receipt",
    "POST /loads/{load_id}/replay",
    "GET /openapi.json",
    "GET /queries/{query_id}",
    "DELETE /queries/{query_id}",
    "GET /queries/{query_id}/results",
    "POST /queries",
    "GET /query",
    "GET /tables",
    "GET /tables/{name}",
    "POST /uploads",
  ])

  route_methods = { for route in local.routes : route => split(" ", route)[0] }
  route_paths   = { for route in local.routes : route => trimprefix(split(" ", route)[1], "/") }

  # Every path and what it lies under, by depth: a resource cannot name others of its own kind as parents.
  path_parts = { for path in distinct(values(local.route_paths)) : path => split("/", path) }
  paths_1    = toset([for parts in values(local.path_parts) : parts[0]])
  paths_2    = toset([for parts in values(local.path_parts) : join("/", slice(parts, 0, 2)) if length(parts) > 1])
  paths_3    = toset([for parts in values(local.path_parts) : join("/", slice(parts, 0, 3)) if length(parts) > 2])

  path_ids = merge(
    { for path, resource in aws_api_gateway_resource.path_1 : path => resource.id },
    { for path, resource in aws_api_gateway_resource.path_2 : path => resource.id },
    { for path, resource in aws_api_gateway_resource.path_3 : path => resource.id },
  )

  authorization = length(var.cognito_user_pool_arns) > 0 ? "COGNITO_USER_POOLS" : "AWS_IAM"
}

resource "aws_api_gateway_rest_api" "query" {
  name        = local.name_prefix
  description = "SQL over the tables of ${local.name_prefix}"

  endpoint_configuration {
    types = ["REGIONAL"]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_resource" "path_1" {
  for_each = local.paths_1

  rest_api_id = aws_api_gateway_rest_api.query.id
  parent_id   = aws_api_gateway_rest_api.query.root_resource_id
  path_part   = each.value
}

resource "aws_api_gateway_resource" "path_2" {
  for_each = local.paths_2

  rest_api_id = aws_api_gateway_rest_api.query.id
  parent_id   = aws_api_gateway_resource.path_1[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_resource" "path_3" {
  for_each = local.paths_3

  rest_api_id = aws_api_gateway_rest_api.query.id
  parent_id   = aws_api_gateway_resource.path_2[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_authorizer" "jwt" {
  for_each = toset(length(var.cognito_user_pool_arns) > 0 ? ["cognito"] : [])

  name          = each.value
  rest_api_id   = aws_api_gateway_rest_api.query.id
  type          = "COGNITO_USER_POOLS"
  provider_arns = var.cognito_user_pool_arns
}

resource "aws_api_gateway_request_validator" "parameters" {
  name                        = "parameters"
  rest_api_id                 = aws_api_gateway_rest_api.query.id
  validate_request_parameters = true
}

resource "aws_api_gateway_method" "route" {
  for_each = local.routes

  rest_api_id          = aws_api_gateway_rest_api.query.id
  resource_id          = local.path_ids[local.route_paths[each.key]]
  http_method          = local.route_methods[each.key]
  authorization        = local.authorization
  authorizer_id        = one([for authorizer in aws_api_gateway_authorizer.jwt : authorizer.id])
  request_validator_id = aws_api_gateway_request_validator.parameters.id
  request_parameters   = each.key == "GET /query" ? { "method.request.querystring.query" = true } : {}
}

resource "aws_api_gateway_integration" "route" {
  for_each = local.routes

  rest_api_id             = aws_api_gateway_rest_api.query.id
  resource_id             = aws_api_gateway_method.route[each.key].resource_id
  http_method             = aws_api_gateway_method.route[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST"
  uri                     = aws_lambda_function.stage["query"].invoke_arn
  timeout_milliseconds    = 29000
}

resource "aws_api_gateway_deployment" "query" {
  rest_api_id = aws_api_gateway_rest_api.query.id

  # A deployment is a copy; what it is a copy of has to make a new one. Only what is written here counts: what AWS
  # adds to a resource later would make one more for nothing.
  triggers = {
    content = sha256(jsonencode([
      local.routes,
      local.authorization,
      var.cognito_user_pool_arns,
      aws_lambda_function.stage["query"].invoke_arn,
      local.gateway_problems,
      local.problem_headers_by_status,
    ]))
  }
  depends_on = [
    aws_api_gateway_method.route,
    aws_api_gateway_integration.route,
    aws_api_gateway_gateway_response.problem,
  ]

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_api_gateway_stage" "query" {
  # checkov:skip=CKV_AWS_120:A cache would hold patient data, and is not eligible under HIPAA
  # checkov:skip=CKV2_AWS_4:It logs errors; the check wants metrics of every method as well, paid for one by one
  # checkov:skip=CKV2_AWS_29:Every route needs a signature or token; a web ACL is the account's to attach
  # checkov:skip=CKV2_AWS_51:Callers prove who they are by IAM or a token, not by a certificate of the client
  rest_api_id          = aws_api_gateway_rest_api.query.id
  deployment_id        = aws_api_gateway_deployment.query.id
  stage_name           = var.environment
  xray_tracing_enabled = true

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    # No path and no query string: one may hold an identifier, the other SQL with a patient's number in it.
    format = jsonencode({
      requestId        = "$context.requestId"
      requestTime      = "$context.requestTime"
      method           = "$context.httpMethod"
      route            = "$context.resourcePath"
      status           = "$context.status"
      responseBytes    = "$context.responseLength"
      latencyMs        = "$context.responseLatency"
      principal        = "$context.identity.userArn"
      subject          = "$context.authorizer.claims.sub"
      integrationError = "$context.integration.error"
    })
  }

  depends_on = [aws_api_gateway_account.logs]
}

resource "aws_api_gateway_method_settings" "all" {
  # checkov:skip=CKV_AWS_225:A cache would hold patient data, and is not eligible under HIPAA
  rest_api_id = aws_api_gateway_rest_api.query.id
  stage_name  = aws_api_gateway_stage.query.stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.api_throttle_rate
    throttling_burst_limit = var.api_throttle_burst
    # Those of the stage are there without; each method's own would be paid for one by one.
    metrics_enabled    = false
    logging_level      = "ERROR"
    data_trace_enabled = false
    caching_enabled    = false
  }
}

resource "aws_cloudwatch_log_group" "api" {
  name              = "/aws/apigateway/${local.name_prefix}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

# API Gateway names it; made here so that it has a key and an end.
resource "aws_cloudwatch_log_group" "api_execution" {
  name              = "API-Gateway-Execution-Logs_${aws_api_gateway_rest_api.query.id}/${var.environment}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

# One of its kind for a region of an account, so destroying this leaves it to whoever else relies on it.
resource "aws_api_gateway_account" "logs" {
  for_each = toset(var.manage_api_gateway_account ? ["this"] : [])

  cloudwatch_role_arn = aws_iam_role.api_logs[each.key].arn
  depends_on          = [aws_iam_role_policy_attachment.api_logs]
}

resource "aws_iam_role" "api_logs" {
  for_each = toset(var.manage_api_gateway_account ? ["this"] : [])

  name               = "${local.name_prefix}-api-logs"
  description        = "API Gateway writes logs"
  assume_role_policy = local.trust["apigateway.amazonaws.com"]
}

# API Gateway refuses a role that has less than this policy of AWS's own.
resource "aws_iam_role_policy_attachment" "api_logs" {
  for_each = toset(var.manage_api_gateway_account ? ["this"] : [])

  role       = aws_iam_role.api_logs[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}
