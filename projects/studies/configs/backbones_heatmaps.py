# Backbones alone: under one heatmap head, without tokens, which take many more steps to learn.
_base_ = ['./_base_/scales.py']

title = 'Backbones under a heatmap head'
question = (
    'Do Channel-Attention-Units find keypoints in photographs as well as bottlenecks and residual '
    'blocks of the same cost, where nothing but a convolutional head follows?'
)
scales = dict(
    _delete_=True,
    photos=dict(
        _base_.photos,
        about='LSPET (people in sport, 14 joints) at 128x96; at stride 4: 4 blocks of 64 channels and a '
        'convolution, at stride 16: 6 residual blocks or 12 units, to 128 channels, and two '
        'deconvolutions; mean squared error of heatmaps; no flip test',
    ),
)

runs = dict(
    stemnet=dict(label='StemNet: 4 bottlenecks', model='stemnet_heatmaps', group='stride 4'),
    cau=dict(label='CAUNet: 4 units, 8 groups, SE gate', model='caunet_heatmaps', group='stride 4'),
    cau_no_gate=dict(
        label='CAUNet, no gate',
        model='caunet_heatmaps',
        options={'model.backbone.gate': None},
        group='stride 4',
    ),
    resnet=dict(label='thin ResNet-18', model='thin_resnet_heatmaps', group='stride 16'),
    thin_cau=dict(label='ThinCAUNet', model='thin_caunet_heatmaps', group='stride 16'),
    thin_cau_no_gate=dict(
        label='ThinCAUNet, no gate',
        model='thin_caunet_heatmaps',
        options={'model.backbone.gate': None},
        group='stride 16',
    ),
)
