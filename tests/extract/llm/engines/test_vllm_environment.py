"""What vLLM is started with: its arguments, and the environment variables that it reads."""

import os
from contextlib import closing

import pytest

from selip_extract.llm.engines.vllm_engine import (
    VLLM_CPU_ENVIRONMENT,
    VLLM_ENVIRONMENT,
    VllmEngine,
    prepare_environment,
)
from selip_extract.llm.model_files import MODEL_FOLDER, load_tokenizer


def test_on_a_cpu_the_model_computes_in_the_process_of_the_engine() -> None:
    environment: dict[str, str] = {"PATH": "/bin"}
    prepare_environment(environment, gpu=False)
    assert environment == {"PATH": "/bin", **VLLM_ENVIRONMENT, **VLLM_CPU_ENVIRONMENT}
    assert environment["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"


def test_on_a_gpu_only_the_log_is_quieter() -> None:
    environment: dict[str, str] = {}
    prepare_environment(environment, gpu=True)
    assert environment == VLLM_ENVIRONMENT


@pytest.mark.parametrize("gpu", [False, True])
def test_variables_that_the_user_has_set_stay(gpu: bool) -> None:
    set_by_user = dict.fromkeys((*VLLM_ENVIRONMENT, *VLLM_CPU_ENVIRONMENT), "mine")
    environment = dict(set_by_user)
    prepare_environment(environment, gpu)
    assert environment == set_by_user


def test_the_arguments_change_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VLLM_ENVIRONMENT, *VLLM_CPU_ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with closing(VllmEngine(MODEL_FOLDER, load_tokenizer(MODEL_FOLDER))) as engine:
        arguments = engine.arguments()
        assert engine.arguments() == arguments
    assert dict(os.environ) == before
    assert arguments["model"] == str(MODEL_FOLDER)
    assert arguments["max_model_len"] == engine.max_sequence_tokens
    assert "enable_lora" not in arguments
