# DistilPose-L taught by the HRNet-W48 teacher, from whose checkpoint its backbone starts.
_base_ = ['./td-reg_distilpose-l_8xb32-300e_coco-256x192.py']

teacher = 'td-hm_tokenpose-hrnet-w48_8xb64-300e_coco-256x192'
teacher_ckpt = f'checkpoints/{teacher}.pth'
backbone_init = dict(type='Pretrained', checkpoint=teacher_ckpt, prefix='backbone.')
model = dict(
    _delete_=True,
    type='TopdownDistiller',
    student={
        **_base_.model,
        'backbone': {**_base_.model.backbone, 'init_cfg': backbone_init},
        'head': {**_base_.model.head, 'score_loss': None},
    },
    teacher=teacher,
    teacher_ckpt=teacher_ckpt,
    losses=_base_.distilpose_losses,
)
