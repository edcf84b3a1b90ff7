"""The ELECTRA classifier as ONNX graphs, written operator by operator with int8 weights.

A hand-written graph, some dozen lines per layer, fixes which operators run: attention, skip connections and GELU are
ONNX Runtime's fused operators; products are in int8 with a weight scale per channel and an activation scale per token.
So a token's numbers depend on other tokens only through attention: a text gets the same rating alone and in any batch,
whole and in steps, and an outlier in one token does not cost the others precision.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.onnx.builder import FUSED, FloatArray, GraphBuilder, quantize_rows


@dataclass(frozen=True)
class _Shape:
    """The parts of the architecture that the graph depends on."""

    layers: int
    heads: int
    head_size: int
    epsilon: float
    labels: int

    @classmethod
    def of(cls, weights: Mapping[str, FloatArray], architecture: Mapping[str, Any]) -> "_Shape":
        positions = architecture.get("position_embedding_type", "absolute")
        if architecture["hidden_act"] != "gelu" or positions != "absolute":
            raise ValueError("only ELECTRA with GELU and absolute positions is supported")
        heads = architecture["num_attention_heads"]
        return cls(
            layers=architecture["num_hidden_layers"],
            heads=heads,
            head_size=architecture["hidden_size"] // heads,
            epsilon=float(architecture["layer_norm_eps"]),
            labels=weights["classifier.out_proj.weight"].shape[0],
        )


def build_plain(
    weights: Mapping[str, FloatArray],
    architecture: Mapping[str, Any],
    block: int | None = None,
    read_tokens: int = 1,
    graph: GraphBuilder | None = None,
) -> onnx.ModelProto:
    """Build the graph of one whole text: ``input_ids`` [1, tokens] int64 to ``logits`` [1, 8] float32.

    ``weights`` and ``architecture`` are weights and config of Hugging Face's ElectraForSequenceClassification. With
    ``block``, attention is block-causal and the result is the mean of the logits at the last ``read_tokens`` tokens,
    without [CLS]; otherwise attention is full and the logits are read at [CLS]. ``graph`` sets how products are
    computed, by default in int8. Raises ValueError for an unsupported architecture.
    """
    shape = _Shape.of(weights, architecture)
    graph = graph or GraphBuilder()
    tokens = graph.op("Shape", "tokens", "input_ids", start=1)
    position = graph.op("Slice", "position", _positions(graph, weights), graph.integers(0), tokens, graph.integers(0))
    hidden = _embeddings(graph, weights, position, shape.epsilon)
    bias = ""
    if block is not None:
        allowed = _sees(graph, graph.op("Range", "places", *_range_of(graph, tokens)), block)
        bias = graph.op("Unsqueeze", "bias", _bias_of(graph, allowed), graph.integers(0, 1))
    for layer in range(shape.layers):
        query_key_value = _query_key_value(graph, weights, hidden, layer)
        context = graph.op(
            "MultiHeadAttention", f"layer{layer}.attention", *query_key_value, "", bias,
            domain=FUSED, num_heads=shape.heads,
        )  # fmt: skip
        hidden = _after_attention(graph, weights, hidden, context, layer, shape.epsilon)
    if block is None:
        first = graph.constant("read", np.array(0, dtype=np.int64))
        _head(graph, weights, graph.op("Gather", "read.hidden", hidden, first, axis=1), "logits")
    else:
        begin = graph.op(
            "Max", "read.begin", graph.op("Sub", "read.from", tokens, graph.integers(read_tokens)), graph.integers(1)
        )
        begin = graph.op("Min", "read.inside", begin, graph.op("Sub", "read.last", tokens, graph.integers(1)))
        last = graph.op("Slice", "read.hidden", hidden, begin, tokens, graph.integers(1))
        each = _head(graph, weights, graph.op("Squeeze", "read.tokens", last, graph.integers(0)), "logits.each")
        graph.op("ReduceMean", "logits", each, axes=[0])
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])]
    return graph.model(inputs, [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, shape.labels])])


def build_cached(weights: Mapping[str, FloatArray], architecture: Mapping[str, Any], block: int) -> onnx.ModelProto:
    """Build the block-causal graph that computes only new tokens, for a batch of texts.

    Inputs, padded to the longest of the batch: ``input_ids`` [texts, new] int64, the tokens from the start of a block
    to the end of the text; ``new_lengths`` [texts], the number of real ones, 1 or more; ``past_lengths`` [texts], the
    number of tokens before them, a multiple of ``block``; and for each layer ``past_key.N`` and ``past_value.N`` of
    those tokens [texts, heads, past, head size] float32. Outputs: ``logits`` [texts, new, 8] of each token, and for
    each layer ``key.N`` and ``value.N`` [texts, heads, new, head size], to be cached for full blocks. Raises ValueError
    like ``build_plain``.
    """
    shape = _Shape.of(weights, architecture)
    graph = GraphBuilder()
    new = graph.op("Shape", "new", "input_ids", start=1)
    places = graph.op("Range", "places", *_range_of(graph, new))
    before = graph.op("Unsqueeze", "before", "past_lengths", graph.integers(1))
    numbers = graph.op("Add", "position.numbers", before, places)
    # Padding may be beyond the last position.
    last = graph.constant("position.last", np.array(architecture["max_position_embeddings"] - 1, dtype=np.int64))
    hidden = _embeddings_at(graph, weights, graph.op("Min", "position.inside", numbers, last), shape)
    past = graph.op("Shape", "past", "past_key.0", start=2, end=3)
    bias = _cached_bias(graph, places, past, before, block)
    for layer in range(shape.layers):
        context = _cached_attention(graph, weights, hidden, layer, shape, past, bias)
        hidden = _after_attention(graph, weights, hidden, context, layer, shape.epsilon)
    lengths = [
        helper.make_tensor_value_info(f"{part}_lengths", TensorProto.INT64, ["texts"]) for part in ("new", "past")
    ]
    return _with_states(graph, weights, hidden, shape, "texts", lengths)


def build_steps(weights: Mapping[str, FloatArray], architecture: Mapping[str, Any], block: int) -> onnx.ModelProto:
    """Build the block-causal graph that computes many whole blocks of one text at once.

    Its numbers are those of the cached graph block by block, bit for bit, because it sums in the same order: values of
    earlier blocks in one product, and those of a token's own block in another. Inputs: ``input_ids`` [1, new] int64;
    ``past_key.N`` and ``past_value.N`` [1, heads, past, head size] of the tokens before them. Both counts of tokens are
    multiples of ``block``. Outputs as of ``build_cached``. Raises ValueError like ``build_plain``.
    """
    shape = _Shape.of(weights, architecture)
    graph = GraphBuilder()
    new = graph.op("Shape", "new", "input_ids", start=1)
    past = graph.op("Shape", "past", "past_key.0", start=2, end=3)
    places = graph.op("Add", "places", graph.op("Range", "new.places", *_range_of(graph, new)), past)
    hidden = _embeddings_at(graph, weights, graph.op("Unsqueeze", "positions.row", places, graph.integers(0)), shape)
    every = graph.op("Range", "every.places", *_range_of(graph, graph.op("Add", "every", past, new)))
    keys = graph.op("Div", "keys.blocks", every, graph.integers(block))
    queries = graph.op("Div", "queries.blocks", places, graph.integers(block))
    rows = graph.op("Unsqueeze", "queries.rows", queries, graph.integers(1))
    bias = _bias_of(graph, graph.op("GreaterOrEqual", "seen", rows, keys))
    earlier = graph.op("Cast", "earlier", graph.op("Greater", "is_earlier", rows, keys), to=TensorProto.FLOAT)
    own = _own_blocks(graph, shape, queries, new, keys, block)
    for layer in range(shape.layers):
        context = _attention_of_steps(graph, weights, hidden, layer, shape, bias, earlier, own, block)
        hidden = _after_attention(graph, weights, hidden, context, layer, shape.epsilon)
    return _with_states(graph, weights, hidden, shape, 1, [])


def _with_states(
    graph: GraphBuilder,
    weights: Mapping[str, FloatArray],
    hidden: str,
    shape: _Shape,
    texts: str | int,
    lengths: list[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    """Finish a graph of new tokens: logits at each, and keys and values as inputs and outputs."""
    size = graph.shared("size", np.array([-1, shape.heads * shape.head_size]))
    each = _head(graph, weights, graph.op("Reshape", "read.tokens", hidden, size), "logits.each")
    labels = graph.op(
        "Concat", "logits.shape", graph.op("Shape", "texts_new", "input_ids"), graph.integers(shape.labels), axis=0
    )
    graph.op("Reshape", "logits", each, labels)
    kept = [f"{part}.{layer}" for layer in range(shape.layers) for part in ("key", "value")]

    def cache(name: str, tokens: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [texts, shape.heads, tokens, shape.head_size])

    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [texts, "new"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [texts, "new", shape.labels])
    return graph.model(
        [ids, *lengths, *(cache(f"past_{name}", "past") for name in kept)],
        [logits, *(cache(name, "new") for name in kept)],
    )


def _shares(
    graph: GraphBuilder, weights: Mapping[str, FloatArray], hidden: str, layer: int, shape: _Shape, bias: str
) -> tuple[str, str]:
    """Attention weights of new tokens to past and new ones [texts, heads, new, past + new], and the new values.

    New keys and values are outputs of the graph.
    """

    def op(kind: str, name: str, *inputs: str, **attributes: Any) -> Any:
        return graph.op(kind, f"layer{layer}.{name}", *inputs, **attributes)

    def heads(name: str, source: str, bias: str) -> str:
        """[texts, tokens, size] to [texts, heads, tokens, head size]."""
        apart = graph.shared("heads.shape", np.array([0, 0, shape.heads, shape.head_size]))
        split = op("Reshape", f"{name}.heads", op("Add", f"{name}.biased", source, bias), apart)
        return str(graph.op("Transpose", name, split, perm=[0, 2, 1, 3]))

    def scores(name: str, keys: str) -> str:
        scale = float(shape.head_size**-0.5)
        return str(op("FusedMatMul", f"{name}.scores", query, keys, domain=FUSED, transB=1, alpha=scale))

    *products, biases = _query_key_value(graph, weights, hidden, layer)
    names = (f"layer{layer}.query", f"key.{layer}", f"value.{layer}")
    parts = zip(names, products, op("Split", "biases", biases, axis=0, outputs=3), strict=True)
    query, key, value = (heads(*part) for part in parts)
    every = op("Concat", "scores", scores("past", f"past_key.{layer}"), scores("new", key), axis=3)
    return str(op("Softmax", "shares", op("Add", "scores.biased", every, bias), axis=3)), value


def _own_blocks(graph: GraphBuilder, shape: _Shape, queries: str, new: str, keys: str, block: int) -> str:
    """Where the attention weights of each token to its own block are: rows of ``block`` weights, for all heads.

    ``queries`` and ``keys``: the blocks of new tokens and of all tokens, in order.
    """
    blocks = graph.op("Div", "own.blocks", graph.op("Shape", "own.keys", keys), graph.integers(block))
    tokens = graph.op("Mul", "own.tokens", new, graph.integers(shape.heads))
    first = graph.op("Mul", "own.first", graph.op("Range", "own.rows", *_range_of(graph, tokens)), blocks)
    of_heads = graph.op("Tile", "own.queries", queries, graph.integers(shape.heads))
    return str(graph.op("Add", "own", first, of_heads))


def _attention_of_steps(
    graph: GraphBuilder,
    weights: Mapping[str, FloatArray],
    hidden: str,
    layer: int,
    shape: _Shape,
    bias: str,
    earlier: str,
    own: str,
    block: int,
) -> str:
    """Attention of whole blocks, each to earlier ones, where ``earlier`` is 1, and to itself."""

    def op(kind: str, name: str, *inputs: str, **attributes: Any) -> Any:
        return graph.op(kind, f"layer{layer}.{name}", *inputs, **attributes)

    shares, value = _shares(graph, weights, hidden, layer, shape, bias)
    rows = op("Reshape", "shares.rows", shares, graph.shared("rows.shape", np.array([-1, block])))
    square = graph.shared("square.shape", np.array([-1, block, block]))
    shares_of_own = op("Reshape", "shares.own", op("Gather", "shares.own.rows", rows, own, axis=0), square)
    blocks = op("Reshape", "value.blocks", value, graph.shared("blocks.shape", np.array([-1, block, shape.head_size])))
    of_own = op("MatMul", "context.own.blocks", shares_of_own, blocks)
    of_own = op("Reshape", "context.own", of_own, op("Shape", "value.shape", value))
    values = op("Concat", "values", f"past_value.{layer}", value, axis=2)
    of_earlier = op("MatMul", "context.earlier", op("Mul", "shares.earlier", shares, earlier), values)
    together = op("Transpose", "context.tokens", op("Add", "context", of_earlier, of_own), perm=[0, 2, 1, 3])
    return str(op("Reshape", "attention", together, graph.shared("flat.shape", np.array([0, 0, -1]))))


def _cached_attention(
    graph: GraphBuilder, weights: Mapping[str, FloatArray], hidden: str, layer: int, shape: _Shape, past: str, bias: str
) -> str:
    """Attention of new tokens to past and new ones. New keys and values are outputs of the graph.

    Past and new are multiplied separately and never concatenated: copying the past would cost more than using it.
    """

    def op(kind: str, name: str, *inputs: str, **attributes: Any) -> Any:
        return graph.op(kind, f"layer{layer}.{name}", *inputs, **attributes)

    shares, value = _shares(graph, weights, hidden, layer, shape, bias)
    end, axis = graph.integers(np.iinfo(np.int64).max), graph.integers(3)
    shares_of_past = op("Slice", "shares.past", shares, graph.integers(0), past, axis)
    of_past = op("MatMul", "context.past", shares_of_past, f"past_value.{layer}")
    of_new = op("MatMul", "context.new", op("Slice", "shares.new", shares, past, end, axis), value)
    together = op("Transpose", "context.tokens", op("Add", "context", of_past, of_new), perm=[0, 2, 1, 3])
    return str(op("Reshape", "attention", together, graph.shared("flat.shape", np.array([0, 0, -1]))))


def _range_of(graph: GraphBuilder, count: str) -> tuple[str, str, str]:
    """Inputs of Range from 0 to ``count`` [1]."""
    end = graph.op("Squeeze", f"{count}.count", count)
    return graph.shared("first", np.int64(0)), end, graph.shared("by", np.int64(1))


def _sees(graph: GraphBuilder, places: str, block: int) -> str:
    """Whether a token (rows) sees another (columns) by its block: bool [tokens, tokens]."""
    blocks = graph.op("Div", "blocks", places, graph.integers(block))
    rows = graph.op("Unsqueeze", "blocks.rows", blocks, graph.integers(1))
    return str(graph.op("GreaterOrEqual", "sees", rows, blocks))


def _bias_of(graph: GraphBuilder, allowed: str) -> str:
    """Return the attention bias: 0 where attention is allowed, and a value that makes softmax zero elsewhere."""
    none, much = graph.shared("bias.none", np.float32(0)), graph.shared("bias.never", np.float32(-1e4))
    return str(graph.op("Where", f"{allowed}.bias", allowed, none, much))


def _cached_bias(graph: GraphBuilder, places: str, past: str, before: str, block: int) -> str:
    """Attention bias [texts, 1, new, past + new]: real past tokens, and real new ones by their blocks."""

    def real(name: str, place: str, end: str) -> str:
        within = graph.op("Less", f"{name}.within", place, end)
        return str(graph.op("Unsqueeze", f"{name}.real", within, graph.integers(1, 2)))

    past_real = real("past", graph.op("Range", "past.places", *_range_of(graph, past)), before)
    # Each new token sees the same past.
    rows = graph.op(
        "Expand", "new.rows", graph.shared("true", np.array([True])), graph.op("Shape", "new.shape", places)
    )
    past_seen = graph.op("And", "past.seen", past_real, graph.op("Unsqueeze", "new.column", rows, graph.integers(1)))
    new_real = real("new", places, graph.op("Unsqueeze", "new.ends", "new_lengths", graph.integers(1)))
    new_seen = graph.op("And", "new.seen", new_real, _sees(graph, places, block))
    return _bias_of(graph, graph.op("Concat", "seen", past_seen, new_seen, axis=3))


def _embeddings_at(graph: GraphBuilder, weights: Mapping[str, FloatArray], positions: str, shape: _Shape) -> str:
    """Embeddings of the input at its positions [texts, tokens]."""
    return _embeddings(
        graph, weights, graph.op("Gather", "position", _positions(graph, weights), positions), shape.epsilon
    )


def _positions(graph: GraphBuilder, weights: Mapping[str, FloatArray]) -> str:
    """Position embeddings [positions, size], plus the segment embedding, which is the same for all tokens."""
    prefix = "electra.embeddings"
    positions = weights[f"{prefix}.position_embeddings.weight"] + weights[f"{prefix}.token_type_embeddings.weight"][:1]
    return graph.constant("positions", positions)


def _embeddings(graph: GraphBuilder, weights: Mapping[str, FloatArray], position: str, epsilon: float) -> str:
    prefix = "electra.embeddings"
    values, scales = quantize_rows(weights[f"{prefix}.word_embeddings.weight"])
    rows = graph.op("Gather", "words.rows", graph.constant("words.int8", values), "input_ids")
    row_scales = graph.op("Gather", "words.row_scales", graph.constant("words.scales", scales[:, None]), "input_ids")
    word = graph.op("Mul", "words", graph.op("Cast", "words.float", rows, to=TensorProto.FLOAT), row_scales)
    normed = graph.op(
        "LayerNormalization", "embeddings", graph.op("Add", "embeddings.sum", word, position),
        *_weight_and_bias(graph, weights, f"{prefix}.LayerNorm"), axis=-1, epsilon=epsilon,
    )  # fmt: skip
    project = weights.get("electra.embeddings_project.weight")
    if project is None:
        return str(normed)
    bias = graph.constant("embeddings_project.bias", weights["electra.embeddings_project.bias"])
    return str(graph.op("Add", "embeddings_project", graph.linear("embeddings_project.matmul", normed, project), bias))


def _query_key_value(
    graph: GraphBuilder, weights: Mapping[str, FloatArray], hidden: str, index: int
) -> tuple[str, ...]:
    """The first inputs of attention: query, key, value, and the bias of all three."""
    prefix = f"electra.encoder.layer.{index}.attention.self"
    parts = ("query", "key", "value")
    product = graph.linear(
        f"layer{index}.qkv", hidden, np.concatenate([weights[f"{prefix}.{part}.weight"] for part in parts])
    )
    bias = graph.constant(
        f"layer{index}.qkv.bias", np.concatenate([weights[f"{prefix}.{part}.bias"] for part in parts])
    )
    return (*graph.op("Split", f"layer{index}.split", product, axis=2, outputs=3), bias)


def _after_attention(
    graph: GraphBuilder, weights: Mapping[str, FloatArray], hidden: str, context: str, index: int, epsilon: float
) -> str:
    """The rest of a layer: output projection and feed-forward network, each with its skip connection and norm."""

    def weight(part: str) -> FloatArray:
        return weights[f"electra.encoder.layer.{index}.{part}"]

    def named(part: str, array: FloatArray) -> str:
        return graph.constant(f"layer{index}.{part}", array)

    def skip_norm(part: str, source: str, skip: str, module: str) -> str:
        return str(
            graph.op(
                "SkipLayerNormalization", f"layer{index}.{part}", source, skip,
                named(f"{part}.gamma", weight(f"{module}.LayerNorm.weight")),
                named(f"{part}.beta", weight(f"{module}.LayerNorm.bias")),
                named(f"{part}.bias", weight(f"{module}.dense.bias")),
                domain=FUSED, epsilon=epsilon,
            )
        )  # fmt: skip

    output = graph.linear(f"layer{index}.output", context, weight("attention.output.dense.weight"))
    attended = skip_norm("attended", output, hidden, "attention.output")
    wide = graph.linear(f"layer{index}.wide", attended, weight("intermediate.dense.weight"))
    gelu = graph.op(
        "BiasGelu", f"layer{index}.gelu", wide, named("wide.bias", weight("intermediate.dense.bias")), domain=FUSED
    )
    narrow = graph.linear(f"layer{index}.narrow", gelu, weight("output.dense.weight"))
    return skip_norm("hidden", narrow, attended, "output")


def _head(graph: GraphBuilder, weights: Mapping[str, FloatArray], read: str, name: str) -> str:
    """The head: hidden states [reads, size] to logits [reads, 8], called ``name``."""
    dense = _float_linear(graph, "classifier.dense", read, weights)
    activated = graph.op("Gelu", "classifier.gelu", dense, domain=FUSED)
    return _float_linear(graph, name, activated, weights, module="classifier.out_proj")


def _weight_and_bias(graph: GraphBuilder, weights: Mapping[str, FloatArray], name: str) -> list[str]:
    return [graph.constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")]


def _float_linear(
    graph: GraphBuilder, name: str, source: str, weights: Mapping[str, FloatArray], module: str | None = None
) -> str:
    return str(graph.op("Gemm", name, source, *_weight_and_bias(graph, weights, module or name), transB=1))
