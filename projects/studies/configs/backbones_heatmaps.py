# Backbones alone: under one heatmap head, without tokens, which take many more steps to learn.
_base_ = ['./_base_/scales.py']

title = 'Backbones under a heatmap head'
question = (
    'Do Channel-Attention-Units find keypoints in photographs as well as bottlenecks of about the same '
    'cost, where nothing but a convolution follows?'
)
scales = dict(
    _delete_=True,
    photos=dict(
        _base_.photos,
        about='LSPET (people in sport, 14 joints) at 128x96; 4 blocks of 64 channels at stride 4 '
        '(inside a bottleneck of StemNet 16, inside a unit of CAUNet 32 in 8 groups) and a 1x1 '
        'convolution; the thin backbones as SDPose-N and LADPose-N have them, to 128 channels at stride '
        '16, and two transposed convolutions; mean squared error of heatmaps; no flip test',
    ),
)

runs = dict(
    stemnet=dict(label='StemNet: 4 bottlenecks', model='stemnet_heatmaps'),
    cau=dict(label='CAUNet: 4 units, 8 groups, SE gate', model='caunet_heatmaps'),
    cau_no_gate=dict(
        label='CAUNet, no gate', model='caunet_heatmaps', options={'model.backbone.gate': None}
    ),
    thin_resnet=dict(label='ThinResNet, of SDPose-N', model='thin_heatmaps', group='thin'),
    thin_cau=dict(
        label='ThinCAUNet, of LADPose-N: 12 units', model='thin_caunet_heatmaps', group='thin'
    ),
    thin_cau_no_gate=dict(
        label='ThinCAUNet, no gate',
        model='thin_caunet_heatmaps',
        group='thin',
        options={'model.backbone.gate': None},
    ),
)
