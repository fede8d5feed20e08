locals {
  region_account = "${var.aws_region}:${local.account_id}"
  bucket         = "arn:${local.partition}:s3:::${var.s3_bucket_name}"
  state_bucket   = "arn:${local.partition}:s3:::${var.state_bucket_name}"
  state          = "${local.state_bucket}/${var.state_key}"
  roles_arn      = "arn:${local.partition}:iam::${local.account_id}:role/${var.project_name}-*"
  api_logs_role  = "arn:${local.partition}:iam::${local.account_id}:role/${var.project_name}-api-logs"
  ci_roles       = "arn:${local.partition}:iam::${local.account_id}:role/${var.project_name}-ci-*"
  keys           = "arn:${local.partition}:kms:${local.region_account}:key/*"
  database = [
    "arn:${local.partition}:glue:${local.region_account}:catalog",
    "arn:${local.partition}:glue:${local.region_account}:database/${var.glue_database_name}",
    "arn:${local.partition}:glue:${local.region_account}:table/${var.glue_database_name}/*",
  ]
  named = {
    for service, resource in {
      alarm     = "cloudwatch:${local.region_account}:alarm:${var.project_name}-*"
      dashboard = "cloudwatch::${local.account_id}:dashboard/${var.project_name}"
      dynamodb  = "dynamodb:${local.region_account}:table/${var.project_name}-*"
      ecr       = "ecr:${local.region_account}:repository/${var.project_name}-*"
      function  = "lambda:${local.region_account}:function:${var.project_name}-*"
      mapping   = "lambda:${local.region_account}:event-source-mapping:*"
      queue     = "sqs:${local.region_account}:${var.project_name}-*"
      rule      = "events:${local.region_account}:rule/${var.project_name}-*"
      topic     = "sns:${local.region_account}:${var.project_name}-alarms"
      workgroup = "athena:${local.region_account}:workgroup/${var.project_name}*"
      job       = "glue:${local.region_account}:job/${var.project_name}-*"
      alias     = "kms:${local.region_account}:alias/${var.project_name}"
      budget    = "budgets::${local.account_id}:budget/${var.project_name}-*"
    } : service => "arn:${local.partition}:${resource}"
  }
  log_groups = [
    for group in ["/aws/lambda/${var.project_name}-*", "/aws/apigateway/${var.project_name}", "/aws/glue/${var.project_name}-*", "API-Gateway-Execution-Logs_*"] :
    "arn:${local.partition}:logs:${local.region_account}:log-group:${group}"
  ]
  api = [
    for path in ["/restapis", "/restapis/*", "/account", "/tags/*"] :
    "arn:${local.partition}:apigateway:${var.aws_region}::${path}"
  ]

  # ReadOnlyAccess reads what is in every bucket, table, queue and log of the account as well. A plan needs the state
  # and what Terraform itself put into the bucket.
  plan_denials = [
    {
      Sid         = "NoObjects"
      Effect      = "Deny"
      Action      = ["s3:GetObject", "s3:GetObjectVersion"]
      NotResource = [local.state, "${local.bucket}/config/*", "${local.bucket}/code/*"]
    },
    {
      Sid    = "NoItems"
      Effect = "Deny"
      Action = [
        "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect",
        "dynamodb:GetRecords",
      ]
      # Beside a lock it holds the state's checksum, which Terraform looks up whenever it reads the state.
      NotResource = "arn:${local.partition}:dynamodb:${local.region_account}:table/${coalesce(var.lock_table_name, "no-lock-table")}"
    },
    {
      # The text of a statement may hold a patient's number.
      Sid    = "NoStatementsAndResults"
      Effect = "Deny"
      Action = [
        "athena:GetQueryExecution", "athena:BatchGetQueryExecution", "athena:GetQueryResults",
        "athena:GetQueryResultsStream",
      ]
      Resource = "*"
    },
    {
      Sid      = "NoMessages"
      Effect   = "Deny"
      Action   = ["sqs:ReceiveMessage"]
      Resource = "*"
    },
    {
      Sid    = "NoLogs"
      Effect = "Deny"
      Action = [
        "logs:GetLogEvents", "logs:FilterLogEvents", "logs:GetLogRecord", "logs:StartQuery", "logs:GetQueryResults",
        "logs:StartLiveTail",
      ]
      Resource = "*"
    },
    {
      Sid      = "NoParameters"
      Effect   = "Deny"
      Action   = ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "ssm:GetParameterHistory"]
      Resource = "*"
    },
  ]

  apply_statements = {
    state = concat(
      [
        {
          Sid      = "ListState"
          Effect   = "Allow"
          Action   = ["s3:ListBucket", "s3:GetBucketVersioning"]
          Resource = local.state_bucket
        },
        {
          Sid      = "State"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject"]
          Resource = local.state
        },
        {
          Sid      = "LockFile"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
          Resource = "${local.state}.tflock"
        },
      ],
      [for name in compact([var.lock_table_name]) : {
        Sid      = "LockTable"
        Effect   = "Allow"
        Action   = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]
        Resource = "arn:${local.partition}:dynamodb:${local.region_account}:table/${name}"
      }],
    )

    identity = [
      {
        Sid    = "RolesWithinTheBoundary"
        Effect = "Allow"
        Action = [
          "iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary",
        ]
        Resource  = local.roles_arn
        Condition = { StringEquals = { "iam:PermissionsBoundary" = aws_iam_policy.boundary.arn } }
      },
      {
        Sid    = "LookAfterRoles"
        Effect = "Allow"
        Action = [
          "iam:GetRole", "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateRoleDescription", "iam:UpdateAssumeRolePolicy",
          "iam:TagRole", "iam:UntagRole", "iam:ListRoleTags", "iam:GetRolePolicy", "iam:ListRolePolicies",
          "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole",
        ]
        Resource = local.roles_arn
      },
      {
        # API Gateway refuses a role with a boundary; this one gets a policy of AWS's own and nothing else.
        Sid      = "RoleOfApiLogs"
        Effect   = "Allow"
        Action   = ["iam:CreateRole"]
        Resource = local.api_logs_role
      },
      {
        Sid       = "PolicyOfApiLogs"
        Effect    = "Allow"
        Action    = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
        Resource  = local.api_logs_role
        Condition = { ArnEquals = { "iam:PolicyARN" = "arn:${local.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs" } }
      },
      {
        Sid       = "GiveRolesToServices"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = local.roles_arn
        Condition = { StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "glue.amazonaws.com", "apigateway.amazonaws.com"] } }
      },
      {
        Sid    = "NotItsOwnRoles"
        Effect = "Deny"
        Action = [
          "iam:CreateRole", "iam:DeleteRole", "iam:UpdateRole", "iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy",
          "iam:DeleteRolePolicy", "iam:AttachRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePermissionsBoundary",
          "iam:PassRole",
        ]
        Resource = local.ci_roles
      },
    ]

    storage = [
      {
        Sid    = "Bucket"
        Effect = "Allow"
        Action = [
          "s3:CreateBucket", "s3:DeleteBucket", "s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation",
          "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS", "s3:GetBucketLogging", "s3:PutBucketLogging",
          "s3:GetBucketNotification", "s3:PutBucketNotification", "s3:GetBucketObjectLockConfiguration",
          "s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls", "s3:GetBucketPolicy", "s3:PutBucketPolicy",
          "s3:DeleteBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock",
          "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:PutBucketTagging", "s3:GetBucketVersioning",
          "s3:PutBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration",
          "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration", "s3:GetReplicationConfiguration",
        ]
        Resource = local.bucket
      },
      {
        # What Terraform itself puts into the bucket.
        Sid    = "ConfigurationAndCode"
        Effect = "Allow"
        Action = [
          "s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject",
          "s3:DeleteObjectVersion",
        ]
        Resource = ["${local.bucket}/config/*", "${local.bucket}/code/*"]
      },
      {
        Sid    = "LedgerTables"
        Effect = "Allow"
        Action = [
          "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:DescribeTable", "dynamodb:UpdateTable",
          "dynamodb:DescribeContinuousBackups", "dynamodb:UpdateContinuousBackups", "dynamodb:DescribeTimeToLive",
          "dynamodb:UpdateTimeToLive", "dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource",
        ]
        Resource = local.named.dynamodb
      },
      {
        Sid    = "Repositories"
        Effect = "Allow"
        Action = [
          "ecr:CreateRepository", "ecr:DeleteRepository", "ecr:DescribeRepositories", "ecr:DescribeImages",
          "ecr:ListTagsForResource", "ecr:TagResource", "ecr:UntagResource", "ecr:PutImageScanningConfiguration",
          "ecr:PutImageTagMutability", "ecr:GetLifecyclePolicy", "ecr:PutLifecyclePolicy", "ecr:DeleteLifecyclePolicy",
          "ecr:GetRepositoryPolicy", "ecr:SetRepositoryPolicy", "ecr:DeleteRepositoryPolicy",
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload",
          "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
        ]
        Resource = local.named.ecr
      },
      {
        Sid       = "MakeTheKey"
        Effect    = "Allow"
        Action    = ["kms:CreateKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:RequestTag/Project" = var.project_name } }
      },
      {
        Sid    = "LookAfterTheKey"
        Effect = "Allow"
        Action = [
          "kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:GetKeyRotationStatus", "kms:EnableKeyRotation",
          "kms:ListResourceTags", "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription",
          "kms:ScheduleKeyDeletion", "kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias", "kms:CreateGrant",
          "kms:Decrypt", "kms:GenerateDataKey",
        ]
        Resource  = local.keys
        Condition = { StringEquals = { "aws:ResourceTag/Project" = var.project_name } }
      },
      {
        Sid      = "NameOfTheKey"
        Effect   = "Allow"
        Action   = ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"]
        Resource = local.named.alias
      },
    ]

    compute = [
      {
        Sid    = "Functions"
        Effect = "Allow"
        Action = [
          "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:GetFunction", "lambda:GetFunctionConfiguration",
          "lambda:GetFunctionCodeSigningConfig", "lambda:GetFunctionConcurrency", "lambda:PutFunctionConcurrency",
          "lambda:DeleteFunctionConcurrency", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
          "lambda:ListVersionsByFunction", "lambda:GetPolicy", "lambda:AddPermission", "lambda:RemovePermission",
          "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource",
        ]
        Resource = local.named.function
      },
      {
        Sid    = "Mappings"
        Effect = "Allow"
        Action = [
          "lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping", "lambda:DeleteEventSourceMapping",
          "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource",
        ]
        Resource = local.named.mapping
      },
      {
        Sid       = "MakeMappings"
        Effect    = "Allow"
        Action    = ["lambda:CreateEventSourceMapping"]
        Resource  = "*"
        Condition = { ArnLike = { "lambda:FunctionArn" = local.named.function } }
      },
      {
        Sid    = "Queues"
        Effect = "Allow"
        Action = [
          "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SetQueueAttributes",
          "sqs:ListQueueTags", "sqs:TagQueue", "sqs:UntagQueue",
        ]
        Resource = local.named.queue
      },
      {
        Sid    = "Rules"
        Effect = "Allow"
        Action = [
          "events:PutRule", "events:DeleteRule", "events:DescribeRule", "events:PutTargets", "events:RemoveTargets",
          "events:ListTargetsByRule", "events:ListTagsForResource", "events:TagResource", "events:UntagResource",
        ]
        Resource = local.named.rule
      },
      {
        Sid      = "Api"
        Effect   = "Allow"
        Action   = ["apigateway:GET", "apigateway:POST", "apigateway:PUT", "apigateway:PATCH", "apigateway:DELETE"]
        Resource = local.api
      },
      {
        Sid    = "Catalog"
        Effect = "Allow"
        Action = [
          "glue:CreateDatabase", "glue:DeleteDatabase", "glue:GetDatabase", "glue:UpdateDatabase", "glue:GetTags",
          "glue:TagResource", "glue:UntagResource", "glue:GetTables",
        ]
        Resource = concat(local.database, ["arn:${local.partition}:glue:${local.region_account}:userDefinedFunction/${var.glue_database_name}/*"])
      },
      {
        Sid      = "SparkJob"
        Effect   = "Allow"
        Action   = ["glue:CreateJob", "glue:DeleteJob", "glue:GetJob", "glue:UpdateJob", "glue:GetTags", "glue:TagResource", "glue:UntagResource"]
        Resource = local.named.job
      },
      {
        # They have no resources that could be named.
        Sid      = "SecurityConfigurations"
        Effect   = "Allow"
        Action   = ["glue:CreateSecurityConfiguration", "glue:DeleteSecurityConfiguration", "glue:GetSecurityConfiguration"]
        Resource = "*"
      },
      {
        Sid    = "Workgroups"
        Effect = "Allow"
        Action = [
          "athena:CreateWorkGroup", "athena:DeleteWorkGroup", "athena:GetWorkGroup", "athena:UpdateWorkGroup",
          "athena:ListTagsForResource", "athena:TagResource", "athena:UntagResource",
        ]
        Resource = local.named.workgroup
      },
    ]

    watching = [
      {
        Sid    = "LogGroups"
        Effect = "Allow"
        Action = [
          "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:DeleteRetentionPolicy",
          "logs:AssociateKmsKey", "logs:DisassociateKmsKey", "logs:ListTagsForResource", "logs:TagResource",
          "logs:UntagResource",
        ]
        Resource = flatten([for group in local.log_groups : [group, "${group}:*"]])
      },
      {
        Sid    = "Alarms"
        Effect = "Allow"
        Action = [
          "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
          "cloudwatch:TagResource", "cloudwatch:UntagResource",
        ]
        Resource = local.named.alarm
      },
      {
        Sid      = "Dashboard"
        Effect   = "Allow"
        Action   = ["cloudwatch:PutDashboard", "cloudwatch:GetDashboard", "cloudwatch:DeleteDashboards"]
        Resource = local.named.dashboard
      },
      {
        Sid    = "Topic"
        Effect = "Allow"
        Action = [
          "sns:CreateTopic", "sns:DeleteTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes", "sns:Subscribe",
          "sns:Unsubscribe", "sns:GetSubscriptionAttributes", "sns:ListTagsForResource", "sns:TagResource", "sns:UntagResource",
        ]
        Resource = local.named.topic
      },
      {
        Sid      = "Budget"
        Effect   = "Allow"
        Action   = ["budgets:ViewBudget", "budgets:ModifyBudget", "budgets:ListTagsForResource", "budgets:TagResource", "budgets:UntagResource"]
        Resource = local.named.budget
      },
      {
        # Lists, and what belongs to a caller rather than to a resource.
        Sid    = "NoResourceToName"
        Effect = "Allow"
        Action = [
          "ecr:GetAuthorizationToken", "kms:ListAliases", "logs:DescribeLogGroups", "lambda:ListEventSourceMappings",
          "sts:GetCallerIdentity",
        ]
        Resource = "*"
      },
    ]
  }

  boundary_statements = [
    {
      Sid    = "DataOfThisProject"
      Effect = "Allow"
      Action = [
        "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts", "s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads",
      ]
      Resource = [local.bucket, "${local.bucket}/*"]
    },
    {
      Sid    = "LedgerOfThisProject"
      Effect = "Allow"
      Action = [
        "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem",
        "dynamodb:ConditionCheckItem",
      ]
      Resource = [local.named.dynamodb, "${local.named.dynamodb}/index/*"]
    },
    {
      Sid      = "QueuesOfThisProject"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
      Resource = local.named.queue
    },
    {
      Sid      = "TablesOfThisProject"
      Effect   = "Allow"
      Action   = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions", "glue:CreateTable", "glue:UpdateTable"]
      Resource = local.database
    },
    {
      Sid    = "StatementsOfThisProject"
      Effect = "Allow"
      Action = [
        "athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryRuntimeStatistics", "athena:GetQueryResults", "athena:StopQueryExecution",
        "athena:GetWorkGroup",
      ]
      Resource = local.named.workgroup
    },
    {
      Sid      = "JobOfThisProject"
      Effect   = "Allow"
      Action   = "glue:StartJobRun"
      Resource = local.named.job
    },
    {
      Sid       = "KeyOfThisProject"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = local.keys
      Condition = { StringEquals = { "aws:ResourceTag/Project" = var.project_name } }
    },
    {
      Sid      = "LogsOfThisProject"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:AssociateKmsKey"]
      Resource = [for group in local.log_groups : "${group}:*"]
    },
    {
      Sid      = "SignUploadsOfThisProject"
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = "arn:${local.partition}:iam::${local.account_id}:role/${var.project_name}-upload"
    },
    {
      Sid      = "TracesAndMetrics"
      Effect   = "Allow"
      Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "cloudwatch:PutMetricData"]
      Resource = "*"
    },
  ]
}
