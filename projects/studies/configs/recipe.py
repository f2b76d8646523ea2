# How far the recipe moves TokenPose and SDPose, whose published baselines differ by 0.03 AP.
_base_ = ['./_base_/scales.py']

title = 'Recipe: loss, initialisation, batch size and learning rate'
question = (
    "SDPose's re-run of its baseline TokenPose-S-V1 is 0.03 AP below the original. How far do heatmap "
    'loss, initialisation, batch size and learning rate move either model, and is SDPose ahead under '
    'all of them?'
)

squared_error = dict(
    _delete_=True, type='KeypointMSELoss', use_target_weight=True, loss_weight=100.0
)
cross_entropy = dict(
    _delete_=True, type='HeatmapCrossEntropyLoss', use_target_weight=True, loss_weight=1.0
)
xavier = [
    dict(type='Xavier', layer='Linear', distribution='uniform'),
    dict(type='TruncNormal', layer='Conv2d', std=0.1),
]
recipes = dict(
    base=('as the scale has it', 'sdpose', {}),
    mse=('squared error', 'sdpose', {'model.head.loss': squared_error}),
    cross_entropy=('cross-entropy', 'sdpose', {'model.head.loss': cross_entropy}),
    xavier=('Xavier initialisation', 'sdpose', {'model.head.init_cfg': xavier}),
    normal=('truncated normal initialisation', 'sdpose', {'model.head.init_cfg': None}),
    normal_faster=(
        'truncated normal, twice the learning rate',
        'sdpose',
        {'model.head.init_cfg': None, 'optim_wrapper.optimizer.lr': 2e-3},
    ),
    quarter=('a quarter of the batch', 'sdpose_quarter_batch', {}),
    slower=('half the learning rate', 'sdpose', {'optim_wrapper.optimizer.lr': 5e-4}),
    faster=('twice the learning rate', 'sdpose', {'optim_wrapper.optimizer.lr': 2e-3}),
)
runs = {
    method if name == 'base' else f'{method}_{name}': dict(
        label=f'{label}, {about}',
        model=model,
        options={'model.head.num_cycles': cycles, **options},
        group=name,
    )
    for name, (about, model, options) in recipes.items()
    for method, label, cycles in (('tokenpose', 'TokenPose', 1), ('sdpose', 'SDPose', 2))
}
