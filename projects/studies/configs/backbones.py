# StemNet against CAUNet, and what gate and groups of the Channel-Attention-Unit do.
_base_ = ['./_base_/scales.py']

title = 'Backbone: StemNet or Channel-Attention-Units'
question = (
    'Do Channel-Attention-Units find keypoints as well as StemNet at the same or a lower cost, and what '
    'do the gate and the number of groups bring?'
)

scales = dict(
    micro=dict(
        _base_.micro_from_nothing,
        _delete_=True,
        about='SynthPose of lone people who face the camera, at 96x64; backbones trained first, for as '
        'many steps under a heatmap head; 4 layers of 128 channels over 17 + 24 tokens; cross-entropy '
        'heatmaps',
    ),
    photos=dict(
        about='LSPET (people in sport, 14 joints) at 128x96; backbones trained first, for half as many '
        'steps under a heatmap head; 4 layers of 128 channels over 14 + 48 tokens; cross-entropy '
        'heatmaps; no flip test',
    ),
)
runs = dict(
    stemnet=dict(label='StemNet: 4 bottlenecks', model='stemnet'),
    cau=dict(label='CAUNet: 4 units, 8 groups, SE gate', model='caunet'),
    cau_eca=dict(label='CAUNet, ECA gate', model='caunet', options={'model.backbone.gate': 'eca'}),
    cau_no_gate=dict(
        label='CAUNet, no gate', model='caunet', options={'model.backbone.gate': None}
    ),
    cau_2_groups=dict(
        label='CAUNet, 2 groups', model='caunet', options={'model.backbone.groups': 2}
    ),
)
