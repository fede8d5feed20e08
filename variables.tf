# Names and places

variable "aws_region" {
  description = "The region everything is made in."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be a region's code, such as eu-central-1."
  }
}

variable "environment" {
  description = "The environment; it is a tag of everything and the name of the API's stage."
  type        = string
  default     = "production"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,29}$", var.environment))
    error_message = "environment must be 1 to 30 lower-case letters, digits or underscores, and begin with a letter."
  }
}

variable "project_name" {
  description = "The beginning of every name in AWS. A second environment in one account needs another one."
  type        = string
  default     = "medical-data-pipeline"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) <= 40
    error_message = "project_name must be at most 40 lower-case letters, digits and single hyphens, and begin with a letter."
  }
}

variable "s3_bucket_name" {
  description = "The bucket to make for raw files, converted files, tables and results. Names are unique world-wide."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.s3_bucket_name))
    error_message = "s3_bucket_name must be 3 to 63 lower-case letters, digits and hyphens (no dots: TLS certificates do not cover them)."
  }
}

variable "glue_database_name" {
  description = "The Glue database, which SQL calls the schema."
  type        = string
  default     = "medical_data_db"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.glue_database_name))
    error_message = "glue_database_name must be lower-case letters, digits and underscores."
  }
}

variable "glue_table_name" {
  description = "The table of files that lie directly under input/."
  type        = string
  default     = "medical_records"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,127}$", var.glue_table_name))
    error_message = "glue_table_name must be at most 128 lower-case letters, digits and underscores, and begin with a letter."
  }
}

variable "permissions_boundary" {
  description = "The policy that bounds every role of a function (bootstrap/); empty for none."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.permissions_boundary == "" || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:policy/.+$", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of a policy."
  }
}

variable "tags" {
  description = "Further tags of everything, such as a cost centre."
  type        = map(string)
  default     = {}
  nullable    = false
}

# Functions

variable "lambda_image_tag" {
  description = "The tag of the three images. The functions are pinned to the digest it has when Terraform plans."
  type        = string
  default     = "latest"
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$", var.lambda_image_tag))
    error_message = "lambda_image_tag must be a tag that a container registry accepts."
  }
}

variable "lambda_image_digests" {
  description = "Digests (sha256:…) by stage (conversion, catalog, query), used in place of what lambda_image_tag points to."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for stage in keys(var.lambda_image_digests) : contains(["conversion", "catalog", "query"], stage)])
    error_message = "lambda_image_digests knows the stages conversion, catalog and query."
  }
  validation {
    condition     = alltrue([for digest in values(var.lambda_image_digests) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "A digest is sha256: and 64 hexadecimal digits."
  }
}

variable "lambda_architecture" {
  description = "The processor the images are built for."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.lambda_architecture)
    error_message = "lambda_architecture must be x86_64 or arm64."
  }
}

variable "lambda_memory_size" {
  description = "Memory of each function in MB; the share of a processor grows with it."
  type        = number
  default     = 512
  nullable    = false

  validation {
    condition     = var.lambda_memory_size >= 512 && var.lambda_memory_size <= 10240 && floor(var.lambda_memory_size) == var.lambda_memory_size
    error_message = "lambda_memory_size must be a whole number from 512 to 10240."
  }
}

variable "lambda_timeout" {
  description = "Seconds after which a function is stopped. A message is hidden from others for six times as long."
  type        = number
  default     = 300
  nullable    = false

  validation {
    condition     = var.lambda_timeout >= 30 && var.lambda_timeout <= 900 && floor(var.lambda_timeout) == var.lambda_timeout
    error_message = "lambda_timeout must be a whole number from 30 to 900."
  }
}

variable "function_overrides" {
  description = "What one stage (conversion, catalog, query) shall have other than the others."
  type = map(object({
    memory_size          = optional(number)
    timeout              = optional(number)
    ephemeral_storage_mb = optional(number)
    reserved_concurrency = optional(number)
    log_level            = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for stage in keys(var.function_overrides) : contains(["conversion", "catalog", "query"], stage)])
    error_message = "function_overrides knows the stages conversion, catalog and query."
  }
  validation {
    condition = alltrue([for override in values(var.function_overrides) : alltrue([
      try(override.memory_size >= 512 && override.memory_size <= 10240, override.memory_size == null),
      try(override.timeout >= 30 && override.timeout <= 900, override.timeout == null),
      try(override.ephemeral_storage_mb >= 512 && override.ephemeral_storage_mb <= 10240, override.ephemeral_storage_mb == null),
    ])])
    error_message = "memory_size and ephemeral_storage_mb are from 512 to 10240, timeout is from 30 to 900."
  }
  validation {
    condition = alltrue([for override in values(var.function_overrides) :
      try(override.reserved_concurrency == -1 || override.reserved_concurrency >= 2, override.reserved_concurrency == null)
    ])
    error_message = "reserved_concurrency is at least 2 (a queue is read by two or more at once), or -1 for none."
  }
  validation {
    condition = alltrue([for override in values(var.function_overrides) :
      try(contains(["DEBUG", "INFO", "WARN", "ERROR"], override.log_level), override.log_level == null)
    ])
    error_message = "log_level is DEBUG, INFO, WARN or ERROR."
  }
}

variable "log_level" {
  description = "The least level the functions log. No level logs a cell of anybody's data."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARN or ERROR."
  }
}

# Data

variable "datasets_file" {
  description = "Path of the YAML file that declares datasets (docs/datasets.md); empty if nothing is declared."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.datasets_file == "" || try(yamldecode(file(var.datasets_file)).version == 1, false)
    error_message = "datasets_file must be a YAML file that can be read and has version: 1 (docs/datasets.md)."
  }
}

variable "large_file_bytes" {
  description = "Raw files larger than this are converted by the Spark job, where there is one."
  type        = number
  default     = 268435456
  nullable    = false

  validation {
    condition     = var.large_file_bytes >= 1048576
    error_message = "large_file_bytes must be at least 1 MiB (1048576)."
  }
}

variable "spark_wheel" {
  description = "Path of this project's wheel (make dist), with which the Spark job for large files is made; empty for no such job."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.spark_wheel == "" || try(endswith(var.spark_wheel, ".whl") && fileexists(var.spark_wheel), false)
    error_message = "spark_wheel must be the path of a wheel that is there, such as make dist puts it into dist/."
  }
}

variable "spark_workers" {
  description = "Workers (G.1X: 4 vCPU, 16 GB) of the Spark job."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.spark_workers >= 2 && var.spark_workers <= 100
    error_message = "spark_workers must be from 2 to 100."
  }
}

variable "query_result_days" {
  description = "Days after which results of queries are removed."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.query_result_days >= 1 && floor(var.query_result_days) == var.query_result_days
    error_message = "query_result_days must be a whole number of at least 1."
  }
}

variable "noncurrent_version_days" {
  description = "Days for which a replaced or removed object can still be brought back."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.noncurrent_version_days >= 1 && floor(var.noncurrent_version_days) == var.noncurrent_version_days
    error_message = "noncurrent_version_days must be a whole number of at least 1."
  }
}

variable "force_destroy" {
  description = "Let terraform destroy remove the bucket with everything in it."
  type        = bool
  default     = false
  nullable    = false
}

variable "query_scan_limit_bytes" {
  description = "A query that would read more than this is stopped."
  type        = number
  default     = 10737418240
  nullable    = false

  validation {
    condition     = var.query_scan_limit_bytes >= 10485760
    error_message = "query_scan_limit_bytes must be at least 10 MiB (10485760), which is Athena's own least."
  }
}

# Schedules

variable "reconcile_schedule" {
  description = "How often input/ is compared with the ledger, so that a file whose event was lost is found."
  type        = string
  default     = "rate(15 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^(rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minute|hour|day)s)\\)|cron\\([^ ]+( [^ ]+){5}\\))$", var.reconcile_schedule))
    error_message = "reconcile_schedule must be as EventBridge has it: rate(1 hour), rate(15 minutes), or cron(…) with six fields."
  }
}

variable "reconcile_after_minutes" {
  description = "Minutes after which a file under input/ that no event has told of is loaded without one."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.reconcile_after_minutes >= 1 && floor(var.reconcile_after_minutes) == var.reconcile_after_minutes
    error_message = "reconcile_after_minutes must be a whole number of at least 1."
  }
}

variable "maintenance_schedule" {
  description = "When small files are put together and old snapshots are removed."
  type        = string
  default     = "cron(0 2 * * ? *)"
  nullable    = false

  validation {
    condition     = can(regex("^(rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minute|hour|day)s)\\)|cron\\([^ ]+( [^ ]+){5}\\))$", var.maintenance_schedule))
    error_message = "maintenance_schedule must be as EventBridge has it: rate(1 hour), rate(15 minutes), or cron(…) with six fields."
  }
}

# API

variable "api_throttle_rate" {
  description = "Requests a second that the API takes on average."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.api_throttle_rate >= 1
    error_message = "api_throttle_rate must be at least 1."
  }
}

variable "api_throttle_burst" {
  description = "Requests that the API takes at once."
  type        = number
  default     = 40
  nullable    = false

  validation {
    condition     = var.api_throttle_burst >= 1
    error_message = "api_throttle_burst must be at least 1."
  }
}

variable "cognito_user_pool_arns" {
  description = "User pools whose tokens (JWT) the API takes in place of AWS signatures; empty for signatures."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for arn in var.cognito_user_pool_arns : can(regex("^arn:[a-z-]+:cognito-idp:[a-z0-9-]+:[0-9]{12}:userpool/.+$", arn))])
    error_message = "cognito_user_pool_arns must be ARNs of Cognito user pools."
  }
}

variable "manage_api_gateway_account" {
  description = "Give API Gateway the role with which it writes logs; false where the region of this account has one already."
  type        = bool
  default     = true
  nullable    = false
}

# Watching

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = contains([7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be one of CloudWatch's own, such as 30, 90, 365, 731 or 2192."
  }
}

variable "alarm_emails" {
  description = "Addresses that alarms are sent to; each has to confirm once."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alarm_emails must be e-mail addresses."
  }
}

variable "access_log_bucket" {
  description = "An existing bucket for the bucket's access log; empty where CloudTrail records data events."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.access_log_bucket == "" || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "access_log_bucket must be the name of a bucket."
  }
}

variable "monthly_budget_usd" {
  description = "Warn by alarm when a month costs, or is going to cost, more than this; 0 for no budget."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.monthly_budget_usd >= 0
    error_message = "monthly_budget_usd must not be negative."
  }
}

# Tests

variable "local_emulator" {
  description = "Speak to an emulator of AWS at AWS_ENDPOINT_URL. For tests only; nothing but the provider's own settings depends on it."
  type        = bool
  default     = false
  nullable    = false
}
