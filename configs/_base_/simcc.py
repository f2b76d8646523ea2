# Distributions over the bins of x and of y, two bins a pixel, as RTMPose has them (Jiang et al.,
# https://arxiv.org/abs/2303.07399); sigmas are roots of an eighth of the input size.
simcc_256x192 = dict(
    type='SimCCLabel',
    input_size=(192, 256),
    sigma=(4.9, 5.66),
    simcc_split_ratio=2.0,
    normalize=False,
    use_dark=False,
)
small_simcc = dict(simcc_256x192, input_size=(96, 128), sigma=(3.46, 4.0))
simcc_loss = dict(type='KLDiscretLoss', use_target_weight=True, beta=10.0, label_softmax=True)
