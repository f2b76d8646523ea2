# The scale photos: small models on real photographs. All that is compared has the same number of epochs
# in all, one and a half times the recipe's, with those of a backbone that is trained first.
_base_ = ['./micro.py']

lspet = '1xb32-20e_lspet-128x96'
sdpose_lspet = f'td-hm_sdpose-n_{lspet}'
heatmaps_lspet = f'td-hm_res18-thin_{lspet}'
distilled_lspet = f'td-reg_ladpose-n_distill-sdpose-n_{lspet}'
joints = {'model.head.out_channels': 14}

# Backbones that nobody has trained begin under a heatmap head.
first = dict(config=heatmaps_lspet, length=0.5)
from_packaged = dict(config=sdpose_lspet, length=1.5, options=_base_.packaged_backbone)
simcc_lspet = f'td-simcc_sdpose-n_{lspet}'
on_stride_4 = {
    'model.head.num_cycles': 1,
    'model.head.in_channels': 64,
    'model.head.in_featuremap_size': (24, 32),
    'model.head.patch_size': (4, 4),
}
stemnet_first = dict(first, options={**_base_.start_at_stride_4, 'model.backbone': _base_.stemnet})
caunet_first = dict(first, options={**_base_.start_at_stride_4, 'model.backbone': _base_.caunet})
student_first = dict(first, options={'model.backbone': dict(_delete_=True, type='ThinCAUNet')})
# The teacher sees twice the width for three times as long.
wide = {'model.backbone.base_channels': 64, 'model.head.in_channels': 256}
distilled_options = {
    'model.start_from_teacher': [],
    'model.teacher.backbone.base_channels': 64,
    'model.teacher.head.in_channels': 256,
    'model.teacher.head.num_cycles': 1,
}
# As much as RTMPose needs at the scale micro (see there), not a quarter of this recipe's rate.
rtmpose_rate = {'optim_wrapper.optimizer.lr': 5e-4}
photos_rtmpose = {
    f'rtmpose_{size}': dict(
        _base_.peers[f'rtmpose_{size}'],
        options={**joints, **rtmpose_rate},
        start=dict(
            config=f'{_base_.cspnext}{name}_udp_8xb256-210e_coco-256x192.py',
            length=0.5,
            options={**_base_.keypoints_of_data, **joints, **rtmpose_rate},
        ),
    )
    for size, name in (('t', 'tiny'), ('s', 's'))
}
photos_peers = {
    name: photos_rtmpose.get(
        name, dict(peer, length=1.5, options={**peer.get('options', {}), **joints})
    )
    for name, peer in _base_.peers.items()
}
# What teaches RTMPose-t is another size of the same config, without SyncBN, after three times as long.
rtmpose_lspet = {
    f'own_rtmpose_{size}': dict(
        config=f'td-simcc_rtmpose-{size}_{lspet}',
        length=length,
        start=photos_rtmpose[f'rtmpose_{size}']['start'],
    )
    for size, length in (('t', 1), ('s', 3))
}

photos = dict(
    about='LSPET (people in sport, 14 joints) at 128x96; the token models of ours: thin ResNet-18, 4 '
    'layers of 128 channels over 14 + 48 tokens, cross-entropy heatmaps; no flip test',
    recipe='{{fileDirname}}/recipe_photos_lspet-128x96.py',
    options={
        'model.test_cfg.flip_test': False,
        # Accuracy reads every heatmap back from the accelerator.
        'model.train_cfg': dict(compute_acc=False),
    },
    models=dict(
        sdpose=from_packaged,
        sdpose_untrained=dict(config=sdpose_lspet, start=first),
        sdpose_simcc=dict(from_packaged, config=simcc_lspet),
        sdpose_simcc_untrained=dict(config=simcc_lspet, start=first),
        sdpose_from_nothing=dict(config=sdpose_lspet, length=1.5),
        sdpose_deep=dict(
            from_packaged,
            options={**_base_.packaged_backbone, 'model.head.encoder.depth': 8},
        ),
        sdpose_quarter_batch=dict(
            from_packaged,
            options={**_base_.packaged_backbone, 'train_dataloader.batch_size': 16},
        ),
        sdpose_weak_distances=dict(
            from_packaged, options={**_base_.packaged_backbone, **_base_.hundredth}
        ),
        sdpose_cycle_attention=dict(
            from_packaged,
            options={
                **_base_.packaged_backbone,
                'model.head.attention_loss': dict(
                    type='AttentionTransferLoss', layer_pairs=[(2, 2), (4, 4)], loss_weight=0.05
                ),
            },
        ),
        teacher=dict(
            config=f'td-hm_tokenpose-n_{lspet}',
            length=3,
            options=wide,
            start=dict(first, length=1.5, options=wide),
        ),
        student=dict(config=f'td-reg_ladpose-n_{lspet}', start=student_first),
        distilled=dict(config=distilled_lspet, options=distilled_options, start=student_first),
        distilled_last_layers=dict(
            config=distilled_lspet,
            options={**distilled_options, 'model.losses.attention.layer_pairs': [(3, 4)]},
            start=student_first,
        ),
        **rtmpose_lspet,
        rtmpose_t_distilled=dict(
            config=f'td-simcc_rtmpose-t_distill-rtmpose-s_{lspet}',
            start=rtmpose_lspet['own_rtmpose_t']['start'],
        ),
        thin_heatmaps=dict(first, length=1.5),
        wide_heatmaps=dict(config=heatmaps_lspet, length=1.5, options=wide),
        sdpose_long=dict(
            from_packaged,
            length=3,
            options={**_base_.packaged_backbone, 'model.head.num_cycles': 1},
        ),
        sdpose_features=dict(
            config=f'td-hm_sdpose-n_distill-res18-thin_{lspet}',
            options={
                'model.teacher.backbone.base_channels': 64,
                'model.teacher.head.in_channels': 256,
            },
            start=first,
        ),
        distilled_by_sdpose=dict(
            config=distilled_lspet,
            options={'model.start_from_teacher': []},
            start=student_first,
        ),
        stemnet=dict(
            config=sdpose_lspet,
            options={**on_stride_4, 'model.backbone': _base_.stemnet},
            start=stemnet_first,
        ),
        caunet=dict(
            config=sdpose_lspet,
            options={**on_stride_4, 'model.backbone': _base_.caunet},
            start=caunet_first,
        ),
        stemnet_heatmaps=dict(stemnet_first, length=1.5),
        caunet_heatmaps=dict(caunet_first, length=1.5),
        thin_caunet_heatmaps=dict(student_first, length=1.5),
        **photos_peers,
    ),
)
