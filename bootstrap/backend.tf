# The same bucket as the root module's state, under another key:
#   terraform -chdir=bootstrap init -backend-config=../backend.conf -backend-config=key=bootstrap/terraform.tfstate
terraform {
  backend "s3" {}
}
