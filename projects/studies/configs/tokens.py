# Keypoint tokens and a convolution behind the same backbone.
_base_ = ['./_base_/scales.py']

title = 'Tokens or a convolution'
question = (
    'SDPose-N is its thin ResNet-18 and keypoint tokens: do the tokens find keypoints in photographs '
    "better than MMPose's heatmap head behind that backbone, after as many steps in all?"
)
scales = dict(
    _delete_=True,
    photos=dict(
        _base_.photos,
        about='LSPET (people in sport, 14 joints) at 128x96; thin ResNet-18 from random weights and '
        'heatmaps of 32x24 cells; behind it two transposed convolutions with mean squared error, or 4 '
        'layers of 128 channels over 14 + 48 tokens with cross-entropy, whose backbone is trained first '
        'under those convolutions, for a third of the steps; no flip test',
    ),
)

runs = dict(
    heatmaps=dict(label='thin ResNet-18, heatmap head', model='thin_heatmaps'),
    tokenpose=dict(
        label='TokenPose', model='sdpose_untrained', options={'model.head.num_cycles': 1}
    ),
    sdpose=dict(label='SDPose', model='sdpose_untrained'),
)
