# SDPose-N, which learns besides the labels from the heatmaps of its own backbone under a heatmap head,
# as distributions over cells. The second part of the packaged weights' training.
_base_ = ['./td-hm_sdpose-n_1xb256-60e_photos-256x192.py']

teacher = 'td-hm_res18-thin_1xb256-60e_photos-256x192'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=dict(
        heatmaps=dict(type='HeatmapKLLoss', temperature=None, on='probability_maps'),
    ),
)
