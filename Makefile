.PHONY: install lint test test-slow test-network test-gpu campaign bench bench-training bench-processes gpu-check demo docs docs-demo

install:
	pip install -e '.[dev]'

# a link by which the type checker sees the four folders as one namespace
.ns/crosscade:
	mkdir -p .ns && ln -sfn .. .ns/crosscade

lint: .ns/crosscade
	ruff check .
	ruff format --check .
	mypy

test:
	python -m pytest

test-slow:
	python -m pytest -m slow --timeout 7200

test-network:
	python -m pytest -m network

test-gpu:
	python -m pytest -m gpu

campaign:
	python -m tests.campaign all --out campaign
	python -m tests.campaign table --out campaign

bench:
	python -m pytest -m benchmark tests/benchmarks/test_inference.py

bench-training:
	python -m pytest -m benchmark tests/benchmarks/test_training_step.py

bench-processes:
	python -m tests.benchmarks.processes

gpu-check:
	python -m tests.gpu.check

demo:
	crosscade demo

docs:
	python docs/reference.py
	python docs/api.py
	python -m mkdocs build --strict

# the site with a page that translates: by the ready-made model, or `make docs-demo MODEL=runs/cat-dog`
MODEL ?= zebra-giraffe
docs-demo: export DEMO = demo
docs-demo: docs
	crosscade export $(MODEL) --web build/site/demo --force
