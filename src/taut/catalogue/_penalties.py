"""The regularizers of the catalogue. One file because it is one table, with one row per term."""

from __future__ import annotations

from taut.catalogue._entry import Entry

__all__ = ["REGULARIZERS"]

ENTRIES, GROUPS, ALONG, MATRICES, ACTIVITIES, BUILT = (
    "single weights",
    "groups of weights",
    "along an axis",
    "matrices",
    "activities",
    "made of others",
)


def _row(family: str, name: str, formula: str, use: str, code: str, gives: str, peers: str = "", *needs: str) -> Entry:
    return Entry("regularizer", name, family, formula, use, code, gives, peers, needs)


REGULARIZERS: tuple[Entry, ...] = (
    _row(
        ENTRIES,
        "L1",
        "l1·Σ|w|",
        "Use it when many weights are probably useless: those that help the loss less than the strength become "
        "exactly 0.0, and the others become a little too small.",
        "L1(0.5).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[2.5, 0.0, 0.1]",
        "keras.regularizers.L1, jaxopt.prox.prox_lasso, skglm.penalties.L1",
    ),
    _row(
        ENTRIES,
        "L2",
        "l2·Σw²",
        "Use it as the first thing against overfitting when every input may matter a little: all weights become "
        "smaller in proportion, and none becomes zero.",
        "L2(0.5).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[1.5, -0.1, 0.3]",
        "keras.regularizers.L2; weight_decay=2·l2 in torch.optim.SGD; sklearn's alpha=2·l2 up to the loss's scale",
    ),
    _row(
        ENTRIES,
        "L1L2",
        "l1·Σ|w| + l2·Σw²",
        "Use it instead of L1 when inputs are correlated: L1 alone keeps one of several similar inputs almost at "
        "random, while with some L2 they share the weight and useless inputs still get 0.0.",
        "L1L2(l1=0.5, l2=0.5).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[1.25, 0.0, 0.05]",
        "keras.regularizers.L1L2, jaxopt.prox.prox_elastic_net, the elastic net",
    ),
    _row(
        ENTRIES,
        "Huber",
        "strength·Σh(w), h = ½w² up to delta, delta·(|w| − delta/2) beyond",
        "Use it where L2 is right for most weights but a few have to be large: beyond delta the gradient of the "
        "penalty stops growing.",
        "Huber(1.0, delta=1.0).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[2.0, -0.1, 0.3]",
        "the Huber loss of keras.losses, taken of weights; proxtorch Huber",
    ),
    _row(
        ENTRIES,
        "MCP",
        "Σ strength·|w| − w²/(2·gamma) up to gamma·strength, constant beyond",
        "Use it when L1 finds the right weights but makes them too small: those beyond gamma·strength are not "
        "shrunk at all.",
        "MCP(0.5, gamma=3.0).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[3.0, 0.0, 0.15]",
        "skglm.penalties.MCPenalty, ncvreg",
    ),
    _row(
        ENTRIES,
        "SCAD",
        "Σ of L1 up to strength, bending over until gamma·strength, constant beyond",
        "Use it like MCP, if weights up to the strength should be shrunk as much as by L1 before the shrinkage fades.",
        "SCAD(0.5, gamma=3.7).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[3.0, 0.0, 0.1]",
        "skglm.penalties.SCAD, pyproximal.SCAD, ncvreg",
    ),
    _row(
        ENTRIES,
        "LogSum",
        "strength·Σ log(1 + |w|/delta)",
        "Use it to keep fewer weights than L1 at the same error: the shrinkage falls like 1/|w| and never becomes "
        "zero.",
        "LogSum(0.5, delta=1.0).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[2.871, 0.0, 0.174]",
        "pyproximal.Log (its sigma is strength·log(1 + gamma), gamma = 1/delta); reweighted L1",
    ),
    _row(
        ENTRIES,
        "LHalf",
        "strength·Σ√|w|",
        "Use it when zeros matter more than a smooth path: it is sparser than L1, and a non-zero weight is never "
        "very small.",
        "LHalf(0.5).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[2.852, 0.0, 0.0]",
        "skglm.penalties.L0_5",
    ),
    _row(
        ENTRIES,
        "L0",
        "strength·(number of weights that are not 0)",
        "Use it to penalise the number of non-zero weights, whatever their size: those that stay are not shrunk, "
        "but training can get stuck, so start from trained weights.",
        "L0(0.125).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[3.0, 0.0, 0.6]",
        "pyproximal.L0, hard thresholding",
    ),
    _row(
        ENTRIES,
        "CappedL1",
        "strength·Σ min(|w|, cap)",
        "Use it when you know the size beyond which a weight is certainly useful: smaller ones are penalised as by "
        "L1, larger ones are not shrunk.",
        "CappedL1(0.5, cap=1.0).prox(np.asarray([3.0, -0.2, 0.6]), step=1.0).round(3).tolist()",
        "[3.0, 0.0, 0.1]",
        "truncated L1",
    ),
    _row(
        ENTRIES,
        "HoyerSquare",
        "strength·(Σ|w|)²/Σw²",
        "Use it to make a weight sparse without making it small, where the scale does not matter (before a "
        "normalization layer); it acts by gradient, so its zeros are small numbers rather than 0.0.",
        "round(float(HoyerSquare(1.0)(np.asarray([3.0, 3.0, 0.0, 0.0]))), 3)",
        "2.0",
        "DeepHoyer",
    ),
    _row(
        GROUPS,
        "GroupLasso",
        "strength·Σ‖group‖",
        "Use it to drop whole units (by='unit') or whole inputs (by='input'), so that the network becomes smaller and not "
        "only sparser.",
        "GroupLasso(1.0, by='input').prox(np.asarray([[3.0, 4.0], [0.3, 0.4]]), step=1.0).round(3).tolist()",
        "[[2.4, 3.2], [0.0, 0.0]]",
        "jaxopt.prox.prox_group_lasso (one group), proxtorch GroupLasso, pyproximal.L21",
    ),
    _row(
        GROUPS,
        "SparseGroupLasso",
        "l1·Σ|w| + strength·Σ‖group‖",
        "Use it when whole groups should go and some weights of the groups that stay as well; with l1=0 it is a group "
        "lasso over blocks, filters or groups that you list.",
        "SparseGroupLasso(0.5, 0.5, by='all').prox(np.asarray([3.5, -4.5, 0.3]), step=1.0).round(3).tolist()",
        "[2.7, -3.6, 0.0]",
        "pyproximal.L21_plus_L1",
    ),
    _row(
        GROUPS,
        "GroupMCP",
        "Σ MCP(‖group‖)",
        "Use it when GroupLasso picks the right units but makes their weights too small: large groups are not shrunk.",
        "GroupMCP(1.0, gamma=2.0).prox(np.asarray([[3.0, 0.3], [4.0, 0.4]]), step=1.0).round(3).tolist()",
        "[[3.0, 0.0], [4.0, 0.0]]",
        "skglm.penalties.BlockMCPenalty",
    ),
    _row(
        GROUPS,
        "ExclusiveLasso",
        "strength·Σ(Σ|group|)²",
        "Use it when each group should keep a few weights rather than vanish: within a group the weights compete, and no "
        "group is emptied.",
        "ExclusiveLasso(0.5).prox(np.asarray([3.0, 1.0, 0.5]), step=1.0).round(3).tolist()",
        "[1.5, 0.0, 0.0]",
        "elitist lasso, l1,2 norm squared",
    ),
    _row(
        GROUPS,
        "GroupLInf",
        "strength·Σ max|group|",
        "Use it to drop whole groups and to make the largest weights of each remaining group equal: only the "
        "largest ones are penalised.",
        "GroupLInf(1.0).prox(np.asarray([3.0, 2.5, 0.5]), step=1.0).round(3).tolist()",
        "[2.25, 2.25, 0.5]",
        "l1,∞ norm",
    ),
    _row(
        GROUPS,
        "OrderedL1",
        "Σ λᵢ·|w|₍ᵢ₎, the largest weight with the largest λ",
        "Use it when correlated inputs should be found together: it makes their weights equal as it makes the useless "
        "ones 0.0.",
        "OrderedL1(0.5, ratio=0.5).prox(np.asarray([3.0, 2.9, 0.1]), step=1.0).round(3).tolist()",
        "[2.512, 2.512, 0.0]",
        "SLOPE (skglm.penalties.SLOPE), OSCAR",
    ),
    _row(
        ALONG,
        "TotalVariation",
        "strength·Σ|wᵢ₊₁ − wᵢ|",
        "Use it when neighbours along an axis (times, positions, bins) should share one value, with few jumps.",
        "TotalVariation(1.0).prox(np.asarray([0.0, 1.0, 5.0]), step=1.0).round(3).tolist()",
        "[1.0, 1.0, 4.0]",
        "fused lasso, pyproximal.TV, proxtorch FusedLasso",
    ),
    _row(
        ALONG,
        "SquaredDifferences",
        "strength·Σ(wᵢ₊₁ − wᵢ)²",
        "Use it when weights along an axis should change gently, without flat pieces or jumps.",
        "float(SquaredDifferences(1.0)(np.asarray([0.0, 1.0, 3.0])))",
        "5.0",
        "the penalty of P-splines",
    ),
    _row(
        MATRICES,
        "NuclearNorm",
        "strength·Σσᵢ",
        "Use it to find a kernel of low rank without choosing the rank: small singular values of the matrix become "
        "exactly zero.",
        "NuclearNorm(1.0).prox(np.diag([3.0, 0.5]), step=1.0).round(3).tolist()",
        "[[2.0, 0.0], [0.0, 0.0]]",
        "pyproximal.Nuclear, proxtorch TraceNorm",
    ),
    _row(
        MATRICES,
        "SquaredSpectralNorm",
        "strength·σ₁²",
        "Use it to discourage layers that amplify, so that small changes of the input stay small; the constraint "
        "SpectralNorm sets a fixed bound instead.",
        "SquaredSpectralNorm(1.0).prox(np.diag([3.0, 0.5]), step=0.5).round(3).tolist()",
        "[[1.5, 0.0], [0.0, 0.5]]",
        "spectral norm regularization (Yoshida & Miyato)",
    ),
    _row(
        MATRICES,
        "OrthogonalRegularizer",
        "factor·(mean |cosine| of two rows or columns)",
        "Use it, as in Keras, to push units towards different directions, whatever their lengths.",
        "float(OrthogonalRegularizer(1.0)(np.asarray([[1.0, 0.0], [0.0, 2.0]])))",
        "0.0",
        "keras.regularizers.OrthogonalRegularizer",
    ),
    _row(
        MATRICES,
        "SquaredOrthogonal",
        "strength·‖WᵀW − I‖²",
        "Use it to push units towards directions at right angles and towards length 1, in deep or recurrent networks; "
        "the constraint Orthogonal makes this exact.",
        "float(SquaredOrthogonal(1.0)(np.asarray([[1.0, 1.0], [0.0, 1.0]])))",
        "3.0",
        "soft orthogonality",
    ),
    _row(
        ACTIVITIES,
        "KLSparsity",
        "strength·Σ KL(target ‖ mean activity of a unit)",
        "Use it as the activity regularizer of a sigmoid layer in which each unit should be active for only a small "
        "share of the rows, as in sparse autoencoders.",
        "float(KLSparsity(1.0, target=0.25)(np.asarray([[0.25, 0.5], [0.25, 0.0]])))",
        "0.0",
        "sparse autoencoders (Ng)",
    ),
    _row(
        ACTIVITIES,
        "Entropy",
        "−strength·Σ p·log p",
        "Use it as the activity regularizer of a softmax layer that should give confident predictions, for instance "
        "when there are few labels.",
        "round(float(Entropy(1.0)(np.asarray([[0.5, 0.5], [1.0, 0.0]]))), 4)",
        "0.6931",
        "entropy minimization",
    ),
    _row(
        BUILT,
        "Towards",
        "term(w − reference)",
        "Use it in fine-tuning: any penalty then pulls towards the pretrained weights instead of towards zero.",
        "Towards(L1(0.5), 1.0).prox(np.asarray([1.2, 3.0, 0.0]), step=1.0).round(3).tolist()",
        "[1.0, 2.5, 0.5]",
        "L2-SP with L2",
        "L1",
    ),
    _row(
        BUILT,
        "Masked",
        "term of the weights that a mask marks",
        "Use it to penalise part of a weight and leave the rest free.",
        "Masked(L1(0.5), [True, False]).prox(np.asarray([1.2, 1.2]), step=1.0).round(3).tolist()",
        "[0.7, 1.2]",
        "",
        "L1",
    ),
    _row(
        BUILT,
        "Scaled",
        "factor·term",
        "Use it to change the weight of a term with one number, or to switch the term off with 0.",
        "Scaled(L1(0.5), 2.0).prox(np.asarray([1.2, 3.0]), step=1.0).round(3).tolist()",
        "[0.2, 2.0]",
        "",
        "L1",
    ),
    _row(
        BUILT,
        "Sum",
        "term + term + …",
        "Use it, written as a + b, for several penalties on the same weights, which then act as one penalty.",
        "Sum((L1(0.5), L2(0.5))).prox(np.asarray([3.0, -0.2]), step=1.0).round(3).tolist()",
        "[1.25, 0.0]",
        "",
        "L1",
        "L2",
    ),
    _row(
        BUILT,
        "Plain",
        "f(w)",
        "Use it for a penalty that is not listed here: give a function where a regularizer is expected, and it is "
        "differentiated with the loss.",
        "float(Plain(lambda w: abs(w).sum())(np.asarray([1.0, -2.0])))",
        "3.0",
        "a callable in keras",
    ),
)
