output "api_gateway_url" {
  description = "The URL of the query route: append ?query=SELECT…"
  value       = "${aws_api_gateway_stage.query.invoke_url}/query"
}

output "api_base_url" {
  description = "What every route of the API begins with."
  value       = aws_api_gateway_stage.query.invoke_url
}

output "s3_bucket_name" {
  description = "The bucket; files under input/ are loaded."
  value       = aws_s3_bucket.data.id
}

output "glue_database_name" {
  description = "The database in Glue and Athena."
  value       = aws_glue_catalog_database.data.name
}

output "glue_table_name" {
  description = "The table of files that lie directly under input/."
  value       = var.glue_table_name
}

output "athena_workgroup_name" {
  description = "The workgroup to choose in Athena's console."
  value       = aws_athena_workgroup.query.name
}

output "ecr_repository_urls" {
  description = "Where the images are pushed to, by the folder under functions/."
  value       = { for stage, names in local.stages : names.folder => local.repositories[stage].repository_url }
}

output "lambda_function_names" {
  description = "The functions, by stage."
  value       = { for stage, function in aws_lambda_function.stage : stage => function.function_name }
}

output "lambda_image_uris" {
  description = "The images the functions are pinned to, by stage."
  value       = local.image_uris
}

output "queue_urls" {
  description = "The queues, by stage, and what could not be done."
  value = {
    for stage, queue in aws_sqs_queue.stage : stage => { queue = queue.url, dead_letters = aws_sqs_queue.dead_letters[stage].url }
  }
}

output "ledger_table_name" {
  description = "The DynamoDB table with the state of every load."
  value       = aws_dynamodb_table.ledger.name
}

output "kms_key_arn" {
  description = "The key that encrypts everything; whoever reads data needs it."
  value       = aws_kms_key.data.arn
}

output "alarm_topic_arn" {
  description = "The topic that alarms are sent to."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_url" {
  description = "The dashboard in the console."
  value       = "https://${var.aws_region}.console.aws.amazon.com/cloudwatch/home?region=${var.aws_region}#dashboards:name=${aws_cloudwatch_dashboard.pipeline.dashboard_name}"
}
