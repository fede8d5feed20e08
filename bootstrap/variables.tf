variable "aws_region" {
  description = "The region that the root module is for."
  type        = string
  default     = "eu-central-1"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be a region's code, such as eu-central-1."
  }
}

variable "project_name" {
  description = "The project_name of the root module: the roles reach nothing else."
  type        = string
  default     = "medical-data-pipeline"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) <= 40
    error_message = "project_name must be at most 40 lower-case letters, digits and single hyphens, and begin with a letter."
  }
}

variable "s3_bucket_name" {
  description = "The s3_bucket_name of the root module."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.s3_bucket_name))
    error_message = "s3_bucket_name must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "glue_database_name" {
  description = "The glue_database_name of the root module."
  type        = string
  default     = "medical_data_db"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9_]{1,255}$", var.glue_database_name))
    error_message = "glue_database_name must be lower-case letters, digits and underscores."
  }
}

variable "state_bucket_name" {
  description = "The bucket of Terraform's state (scripts/bootstrap-backend)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state_bucket_name))
    error_message = "state_bucket_name must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "state_key" {
  description = "The key of the root module's state, as in backend.conf."
  type        = string
  default     = "medical-data-pipeline/terraform.tfstate"
  nullable    = false

  validation {
    condition     = can(regex("^[^/].*\\.tfstate$", var.state_key))
    error_message = "state_key must be a key that ends with .tfstate."
  }
}

variable "lock_table_name" {
  description = "The DynamoDB table that locks the state; empty where a lock file does."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,255}$", var.lock_table_name))
    error_message = "lock_table_name must be a name that DynamoDB accepts."
  }
}

variable "github" {
  description = "The repository (ORG/REPO) whose workflows plan and apply, and the environments that may apply; null for none."
  type = object({
    repository         = string
    apply_environments = optional(list(string), ["production"])
    provider_arn       = optional(string)
  })
  default = null

  validation {
    condition     = var.github == null || can(regex("^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", var.github.repository))
    error_message = "github.repository must be ORG/REPO, without wildcards."
  }
  validation {
    condition     = var.github == null || alltrue([for name in try(var.github.apply_environments, []) : can(regex("^[A-Za-z0-9_.-]+$", name))])
    error_message = "github.apply_environments must be names of environments, without wildcards."
  }
}

variable "bitbucket" {
  description = "The workspace and repository whose pipelines plan and apply, by the UUIDs of its OpenID Connect page; null for none."
  type = object({
    workspace         = string
    workspace_uuid    = string
    repository_uuid   = string
    environment_uuids = list(string)
    provider_arn      = optional(string)
  })
  default = null

  validation {
    condition = var.bitbucket == null || alltrue([
      for uuid in try(concat([var.bitbucket.workspace_uuid, var.bitbucket.repository_uuid], var.bitbucket.environment_uuids), []) :
      can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", uuid))
    ])
    error_message = "UUIDs are written without braces, in lower case."
  }
}

variable "local_emulator" {
  description = "Speak to an emulator of AWS at AWS_ENDPOINT_URL. For tests only."
  type        = bool
  default     = false
  nullable    = false
}
