# Its settings are in backend.conf (see backend.conf.example): terraform init -backend-config=backend.conf
terraform {
  backend "s3" {}
}
