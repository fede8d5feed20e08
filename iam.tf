# Each function its own role: named actions on named resources. What a stage may do with data:
#
#              input/   record_folders/   tables/   query-results/   Glue tables   ledger
#   conversion  read     read, write       read      -                read          write
#   catalog     -        read, remove      write     -                write         write
#   query       -        read              read      write            read          read
#
# The query role can write no table and no data, so a statement that got past the guard fails all the same.

resource "aws_iam_role" "stage" {
  for_each = local.stages

  name                 = each.value.name
  description          = "The ${each.key} function of ${local.name_prefix}"
  assume_role_policy   = local.trust["lambda.amazonaws.com"]
  permissions_boundary = local.permissions_boundary
}

resource "aws_iam_role_policy" "stage" {
  for_each = local.stages

  name = "stage"
  role = aws_iam_role.stage[each.key].id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.function_statements[each.key], local.stage_statements[each.key])
  })
}

# A presigned upload can do what its signer can. The query function takes this role, narrowed to one key, to sign
# one, and has no right of its own to write under input/.
resource "aws_iam_role" "upload" {
  name                 = "${local.name_prefix}-upload"
  description          = "Taken by the query function to sign one upload under ${local.prefixes.raw}"
  max_session_duration = 3600
  permissions_boundary = local.permissions_boundary
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.stage["query"].arn }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "upload" {
  name = "upload"
  role = aws_iam_role.upload.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "PutRawFiles"
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${aws_s3_bucket.data.arn}/${local.prefixes.raw}*"
      },
      local.use_key["s3"],
    ]
  })
}

locals {
  trust = {
    for service in ["lambda.amazonaws.com", "glue.amazonaws.com", "apigateway.amazonaws.com"] : service => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Principal = { Service = service }
        Action    = "sts:AssumeRole"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
      }]
    })
  }

  # The key, and only through the service that holds the data.
  use_key = {
    for service in ["s3", "sqs", "dynamodb"] : service => {
      Sid       = "UseKeyThrough${title(service)}"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = aws_kms_key.data.arn
      Condition = { StringEquals = { "kms:ViaService" = "${service}.${var.aws_region}.amazonaws.com" } }
    }
  }

  objects = { for name, prefix in local.prefixes : name => "${aws_s3_bucket.data.arn}/${prefix}*" }

  function_statements = {
    for stage in keys(local.stages) : stage => [
      {
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.stage[stage].arn}:*"
      },
      {
        # X-Ray has no resources that could be named.
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        Resource = "*"
      },
      local.use_key["s3"],
      local.use_key["sqs"],
      local.use_key["dynamodb"],
    ]
  }

  stage_statements = {
    conversion = concat(
      [
        local.list_bucket,
        {
          Sid      = "ReadRawFilesAndWhatTheyBecame"
          Effect   = "Allow"
          Action   = "s3:GetObject"
          Resource = [local.objects.raw, local.objects.curated, local.objects.tables, local.objects.config]
        },
        {
          Sid      = "WriteConvertedFiles"
          Effect   = "Allow"
          Action   = ["s3:PutObject", "s3:AbortMultipartUpload"]
          Resource = local.objects.curated
        },
        local.read_tables,
        local.write_ledger,
        local.read_queue["conversion"],
        {
          # What the ledger misses is announced anew.
          Sid      = "AnnounceAgain"
          Effect   = "Allow"
          Action   = "sqs:SendMessage"
          Resource = [for queue in aws_sqs_queue.stage : queue.arn]
        },
      ],
      [for job in aws_glue_job.large_files : {
        Sid      = "HandOverLargeFiles"
        Effect   = "Allow"
        Action   = "glue:StartJobRun"
        Resource = job.arn
      }],
    )
    catalog = [
      local.list_bucket,
      {
        Sid      = "ReadConvertedFilesAndTables"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = [local.objects.curated, local.objects.tables]
      },
      {
        Sid      = "WriteTables"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:AbortMultipartUpload"]
        Resource = local.objects.tables
      },
      {
        # Files that no snapshot needs any more.
        Sid      = "RemoveExpiredFiles"
        Effect   = "Allow"
        Action   = "s3:DeleteObject"
        Resource = [local.objects.curated, local.objects.tables]
      },
      local.read_tables,
      {
        Sid      = "MakeAndChangeTables"
        Effect   = "Allow"
        Action   = ["glue:CreateTable", "glue:UpdateTable"]
        Resource = local.table_arns
      },
      local.write_ledger,
      local.read_queue["catalog"],
      {
        # A load that contradicts its table by now is converted again.
        Sid      = "AskForConversion"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.stage["conversion"].arn
      },
    ]
    query = [
      local.list_bucket,
      {
        Sid      = "ReadTables"
        Effect   = "Allow"
        Action   = "s3:GetObject"
        Resource = [local.objects.curated, local.objects.tables]
      },
      {
        Sid      = "ReadAndWriteResults"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = local.objects.results
      },
      local.read_tables,
      {
        Sid    = "RunStatements"
        Effect = "Allow"
        Action = [
          "athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults",
          "athena:GetQueryRuntimeStatistics", "athena:StopQueryExecution", "athena:GetWorkGroup",
        ]
        Resource = aws_athena_workgroup.query.arn
      },
      {
        Sid      = "ReadLedger"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Query"]
        Resource = local.ledger_arns
      },
      {
        Sid      = "RememberQueries"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
        Resource = aws_dynamodb_table.queries.arn
      },
      {
        Sid      = "AskForReplay"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.stage["conversion"].arn
      },
      {
        Sid      = "SignUploads"
        Effect   = "Allow"
        Action   = "sts:AssumeRole"
        Resource = aws_iam_role.upload.arn
      },
    ]
  }

  # Without the right to list the whole bucket, an object that is not there reads as one that is forbidden. Names of
  # raw files are in the ledger too, which every stage reads.
  list_bucket = {
    Sid      = "ListBucket"
    Effect   = "Allow"
    Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
    Resource = aws_s3_bucket.data.arn
  }

  read_tables = {
    Sid      = "ReadCatalog"
    Effect   = "Allow"
    Action   = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
    Resource = local.table_arns
  }

  ledger_arns = concat(
    [aws_dynamodb_table.ledger.arn],
    [for index in keys(local.ledger_indexes) : "${aws_dynamodb_table.ledger.arn}/index/${index}"],
  )
  write_ledger = {
    Sid    = "WriteLedger"
    Effect = "Allow"
    Action = [
      "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query",
      "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:ConditionCheckItem",
    ]
    Resource = local.ledger_arns
  }

  read_queue = {
    for stage, queue in aws_sqs_queue.stage : stage => {
      Sid      = "ReadQueue"
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"]
      Resource = queue.arn
    }
  }
}
