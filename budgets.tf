resource "aws_budgets_budget" "month" {
  for_each = toset(var.monthly_budget_usd > 0 ? ["month"] : [])

  name         = "${local.name_prefix}-${each.key}"
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  # The tag has to be made a cost allocation tag once, in the account's billing settings.
  cost_filter {
    name   = "TagKeyValue"
    values = [join("$", ["user:Project", var.project_name])]
  }

  dynamic "notification" {
    for_each = toset(["ACTUAL", "FORECASTED"])

    content {
      notification_type         = notification.value
      comparison_operator       = "GREATER_THAN"
      threshold                 = 100
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }
}
