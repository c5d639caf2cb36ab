#!/bin/sh
# Serves a model on this machine's GPUs with vLLM, as an endpoint for evergrow: OpenAI's protocol, answers held to schemas.
#
#   pip install vllm
#   deploy/serve.sh Qwen/Qwen2.5-72B-Instruct
#
# It prints the two variables that point evergrow at it, and stays until Ctrl-C. What else vLLM takes may follow the
# model's name. Variables, with their defaults:
#
#   PORT=8000  HOST=127.0.0.1   where it listens; VLLM_API_KEY is asked of clients if it is set
#   GPUS                        over how many GPUs the model is split; empty: all that nvidia-smi lists
#   CONTEXT=8192                tokens of prompt and answer of one request
#   REQUESTS=256                requests at a time: set endpoints.default.concurrency to as many
#   GPU_SHARE=0.9               share of each GPU's memory
#   CHAT_TEMPLATE               a jinja file, for a model that brings none; empty: the model's own
set -eu

fail() { echo "serve.sh: $1" >&2; exit 2; }

[ $# -ge 1 ] || fail "name the model: deploy/serve.sh MODEL [options of vllm serve]"
case $1 in -*) fail "name the model first, before $1" ;; esac
command -v vllm >/dev/null || fail "vllm is not installed here: pip install vllm"

model=$1
shift
gpus=${GPUS:-$(nvidia-smi --list-gpus 2>/dev/null | wc -l | tr -d ' ')}
case $gpus in "" | 0) fail "nvidia-smi lists no GPU: set GPUS to their number" ;; *[!0-9]*) fail "GPUS=$gpus is no number" ;; esac
if [ -n "${CHAT_TEMPLATE:-}" ]; then
  [ -f "$CHAT_TEMPLATE" ] || fail "CHAT_TEMPLATE names no file: $CHAT_TEMPLATE"
  set -- --chat-template "$CHAT_TEMPLATE" "$@"
fi

host=${HOST:-127.0.0.1}
port=${PORT:-8000}
key=none
[ -z "${VLLM_API_KEY:-}" ] || key='$VLLM_API_KEY'
cat >&2 <<EOF
When it says that it is ready:
  export OPENAI_BASE_URL=http://$host:$port/v1 OPENAI_API_KEY=$key
  export EVERGROW_MODEL=$model EVERGROW_ENDPOINTS__DEFAULT__CONCURRENCY=${REQUESTS:-256}
EOF
exec vllm serve "$model" --host "$host" --port "$port" --tensor-parallel-size "$gpus" \
  --max-model-len "${CONTEXT:-8192}" --max-num-seqs "${REQUESTS:-256}" --gpu-memory-utilization "${GPU_SHARE:-0.9}" "$@"
