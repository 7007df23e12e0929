"""ReMDM Studio: see how a masked diffusion model writes, errs and repairs itself.

Each folder imports only those before it:

    sampling     the method; read schedule, time_grid, remasking, posterior, transition, sampler, methods in this order
    models       networks and embedded checkpoints
    hub          public checkpoints
    runs         requests, records and traces of runs, and what a domain offers
    training     the loop that trains the embedded models
    serving      many visitors on one model
    views        pure functions from a trace to what is shown
    evaluation   figures, sweeps, the search for settings
    app          the page, the only place that knows Gradio
    domains      text, images, molecules, Countdown: what a token means
    studies      what the app never imports: the paper's tables and ours, the benchmark
    cli          the command `remdm`
"""

__version__ = "0.1.0"
