# A small DistilPose taught by a small SDPose, from whose checkpoint its backbone starts.
_base_ = ['./td-reg_distilpose-n_2xb16-16e_synthpose-128x96.py']

teacher_ckpt = 'mmpose_sdpose://sdpose-n_synthpose-128x96.pth'
backbone_init = dict(type='Pretrained', checkpoint=teacher_ckpt, prefix='backbone.')
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student={
        **_base_.model,
        'backbone': {**_base_.model.backbone, 'init_cfg': backbone_init},
        'head': {**_base_.model.head, 'score_loss': None},
    },
    teacher='td-hm_sdpose-n_2xb16-16e_synthpose-128x96',
    teacher_ckpt=teacher_ckpt,
    losses=_base_.distilpose_losses,
)
