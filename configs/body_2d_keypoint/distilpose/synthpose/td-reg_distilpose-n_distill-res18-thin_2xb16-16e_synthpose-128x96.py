# A small DistilPose taught by a heatmap model of MMPose, which gives heatmaps alone.
_base_ = ['./td-reg_distilpose-n_2xb16-16e_synthpose-128x96.py']

teacher = 'td-hm_res18-thin_2xb16-16e_synthpose-128x96'
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student=_base_.model,
    teacher=teacher,
    teacher_ckpt=f'checkpoints/{teacher}.pth',
    losses=dict(
        scores=_base_.distilpose_losses.scores,
        simulated_heatmaps=_base_.distilpose_losses.simulated_heatmaps,
    ),
)
