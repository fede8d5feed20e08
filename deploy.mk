# What CI and a person run to check and deploy to AWS. GitHub and Bitbucket call these and nothing else.

TERRAFORM ?= terraform
AWS_REGION ?= eu-central-1
PROJECT_NAME ?= medical-data-pipeline
IMAGE_TAG ?= latest
BACKEND ?= backend.conf
LINT := .venv-lint
EMULATOR := .venv-emulator
CI_TOOLS := .ci-tools
REPOSITORIES := conversion_lambda glue_catalog_lambda query_lambda
export AWS_REGION PROJECT_NAME IMAGE_TAG
export PATH := $(CURDIR)/$(CI_TOOLS):$(PATH)

.PHONY: ci-tools tf-fmt tf-validate tf-test lint-aws tf-init registry images-build images-push images-sbom images-sign \
  images-verify plan plan-review apply dist images e2e-aws

$(LINT)/.done: requirements/lint-aws.txt
	@test -x $(LINT)/bin/python || $(PYTHON) -m venv $(LINT)
	@$(LINT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lint-aws.txt
	@touch $@

$(EMULATOR)/.done: requirements/emulator.txt
	@test -x $(EMULATOR)/bin/python || $(PYTHON) -m venv $(EMULATOR)
	@$(EMULATOR)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/emulator.txt
	@touch $@

ci-tools: ## Fetch terraform and cosign into .ci-tools, checked by hash (for CI on Linux)
	@scripts/ci-tools $(CI_TOOLS)

tf-fmt: ## Check that every Terraform file is formatted
	$(TERRAFORM) fmt -check -diff -recursive

tf-validate: $(VENV)/.dev ## Check that the Terraform folders are valid
	@MDP_TERRAFORM=$(TERRAFORM) $(BIN)/python -m pytest -q tests/infrastructure -k valid

tf-test: $(VENV)/.dev ## Run Terraform's own tests, and those of the plan and of the state's locks
	@MDP_TERRAFORM=$(TERRAFORM) $(BIN)/python -m pytest -q tests/infrastructure

lint-aws: $(LINT)/.done ## Check Terraform, images, workflows and scripts for known mistakes
	@$(LINT)/bin/checkov --config-file .checkov.yaml
	@$(LINT)/bin/shellcheck scripts/bitbucket-login scripts/bootstrap-backend scripts/ci-tools scripts/images .ci/run \
	  functions/trim-packages
	@set -- functions/*/Dockerfile; if test -e "$$1"; then $(LINT)/bin/hadolint "$$@"; fi
	@$(LINT)/bin/actionlint -shellcheck $(LINT)/bin/shellcheck .github/workflows/*.yml

tf-init: ## Make Terraform ready, with the state that backend.conf (or BACKEND) names
	$(TERRAFORM) init -input=false -backend-config=$(BACKEND)

registry: ## Make the repositories that images are pushed to; the first step of a first deployment
	$(TERRAFORM) apply -input=false -auto-approve $(addprefix -target=aws_ecr_repository.,$(REPOSITORIES))

images-build: ## Build the three images, tagged IMAGE_TAG
	scripts/images build

images-push: ## Push the three images and write their digests to build/digests.tfvars.json
	scripts/images push

images-sbom: $(LINT)/.done ## Write every package of each image to build/sbom-*.cdx.json
	CYCLONEDX=$(LINT)/bin/cyclonedx-py scripts/images sbom

images-sign: ## Sign each pushed image by digest, and attest what is in it (needs cosign)
	scripts/images sign

images-verify: ## Check the signature of each image that is about to be deployed (needs cosign)
	scripts/images verify

plan: ## Plan with the digests of build/digests.tfvars.json, where it is there, into build/plan
	@mkdir -p build
	$(TERRAFORM) plan -input=false -out=build/plan $(addprefix -var-file=,$(wildcard build/digests.tfvars.json))
	@$(TERRAFORM) show -no-color build/plan > build/plan.txt

plan-review: ## Plan what a change would do to what runs now, with no lock and no right to write
	@mkdir -p build
	@if scripts/images deployed; then TF_CLI_ARGS_plan=-lock=false $(MAKE) plan; \
	else echo "Nothing is deployed yet, so there is nothing to compare with." | tee build/plan.txt; fi

apply: ## Apply build/plan, which make plan wrote
	$(TERRAFORM) apply -input=false build/plan

dist: $(VENV)/.dev ## Build this project's wheel into dist, for the Spark job (spark_wheel)
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

images: $(VENV)/.dev ## Build the three images and run them confined (as root, with buildah, podman, runc, debootstrap)
	@MDP_IMAGES=.images $(BIN)/python -m pytest -q tests/images

e2e-aws: $(VENV)/.dev $(EMULATOR)/.done ## Deploy everything to an emulated AWS, look at it, and take it away again
	@MDP_E2E_AWS=$(EMULATOR)/bin/ministack $(BIN)/python -m pytest -q tests/e2e_aws
