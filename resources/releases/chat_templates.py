"""Chat templates of six families of models, as their tokenizers carry them, for turns of a user and an assistant.

They are shortened: tools, thoughts and pictures are left out, which no release has.
"""

from collections.abc import Mapping

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
)
QWEN = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    + CHATML
)
LLAMA_3 = (
    "<|begin_of_text|>{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
)
MISTRAL = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] + '\n\n' %}{% set turns = "
    "messages[1:] %}{% else %}{% set system = '' %}{% set turns = messages %}{% endif %}<s>{% for message in turns %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}"
    "{% endif %}{% if message['role'] == 'user' %}[INST] {{ (system if loop.first else '') + message['content'] }} "
    "[/INST]{% else %} {{ message['content'] }}</s>{% endif %}{% endfor %}"
)
GEMMA = (
    "<bos>{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}<start_of_turn>"
    "{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n{{ message['content'] | trim }}"
    "<end_of_turn>\n{% endfor %}"
)
PHI_3 = (
    "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}<|end|>\n{% endfor %}<|endoftext|>"
)
DEEPSEEK = (
    "<\uff5cbegin\u2581of\u2581sentence\uff5c>{% for message in messages %}{% if message['role'] == 'user' %}"
    "<\uff5cUser\uff5c>{{ message['content'] }}{% elif message['role'] == 'assistant' %}<\uff5cAssistant\uff5c>"
    "{{ message['content'] }}<\uff5cend\u2581of\u2581sentence\uff5c>{% else %}{{ message['content'] }}"
    "{% endif %}{% endfor %}"
)
FAMILIES: Mapping[str, str] = {
    "Qwen 2.5 (ChatML)": QWEN,
    "Llama 3": LLAMA_3,
    "Mistral": MISTRAL,
    "Gemma": GEMMA,
    "Phi 3": PHI_3,
    "DeepSeek": DEEPSEEK,
}
MARKS = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin_of_text|>", "<|start_header_id|>", "<|eot_id|>"),
    *("[INST]", "[/INST]", "</s>", "<start_of_turn>", "<end_of_turn>", "<|user|>", "<|assistant|>", "<|end|>"),
    *("<\uff5cUser\uff5c>", "<\uff5cAssistant\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>"),
)
