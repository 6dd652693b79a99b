complete -c lrun -s j -l job -d 'Run this job with the jobs that it needs; may be given several times' -r
complete -c lrun -s W -l workflows -d 'Take workflows from this file or folder [default: .github/workflows]' -r -F
complete -c lrun -l matrix -d 'Keep only the matrix legs with this value' -r
complete -c lrun -s e -l eventpath -d 'Merge this JSON payload over the one made from git' -r -F
complete -c lrun -l cron -d 'With the event schedule: fire this entry instead of each workflow\'s first' -r
complete -c lrun -l concurrent-jobs -d 'Run at most N jobs at once; 0 means one per processor [default: 0]' -r
complete -c lrun -s s -l secret -d 'Set a secret; without a value read that variable, or ask' -r
complete -c lrun -l secret-file -d 'Read secrets from this file [default: .secrets]' -r -F
complete -c lrun -l github-token -d 'Where GITHUB_TOKEN comes from: `gh` runs `gh auth token`' -r -f -a "gh\t''"
complete -c lrun -l var -d 'Set a configuration variable; without a value read that variable, or ask' -r
complete -c lrun -l var-file -d 'Read configuration variables from this file [default: .vars]' -r -F
complete -c lrun -l env -d 'Set an environment variable above those of workflow and job' -r
complete -c lrun -l env-file -d 'Read environment variables from this file [default: .env]' -r -F
complete -c lrun -l input -d 'Give an input of workflow_dispatch or workflow_call' -r
complete -c lrun -l input-file -d 'Read inputs from this file [default: .input]' -r -F
complete -c lrun -s a -l actor -d 'Say who caused the event' -r
complete -c lrun -l defaultbranch -d 'Name the default branch of the repository' -r
complete -c lrun -l remote-name -d 'Take owner and name of the repository from this git remote [default: origin]' -r
complete -c lrun -l delimiters -d 'Read only `${{ }}` (github), or `$<< >>` too (both): both, github [default: both]' -r -f -a "both\t''
github\t''"
complete -c lrun -l github-instance -d 'Work against another GitHub server' -r
complete -c lrun -s P -l platform -d 'Serve a runs-on label by this image, or by `host`' -r
complete -c lrun -l backend -d 'Where jobs run: auto, docker, host [default: auto]' -r -f -a "auto\t''
docker\t''
host\t''"
complete -c lrun -s p -l pull -d 'When to ask the registry for images: always, missing, never [default: missing]' -r -f -a "always\t''
missing\t''
never\t''"
complete -c lrun -l keep -d 'Leave the machines of jobs to look into: failed, always, never [default: never]' -r -f -a "failed\t''
always\t''
never\t''"
complete -c lrun -l network -d 'Docker network of jobs' -r
complete -c lrun -l container-architecture -d 'Platform of images' -r
complete -c lrun -l container-options -d 'More options for the containers of jobs' -r
complete -c lrun -l container-daemon-socket -d 'Docker socket that jobs see' -r
complete -c lrun -l docker-socket -d 'Docker socket that jobs see' -r
complete -c lrun -l container-cap-add -d 'Kernel capability that containers get' -r
complete -c lrun -l container-cap-drop -d 'Kernel capability that containers lose' -r
complete -c lrun -l userns -d 'User namespace of containers' -r
complete -c lrun -s C -l directory -d 'Enter this folder first' -r -f -a "(__fish_complete_directories)"
complete -c lrun -l workspace -d 'Give jobs a copy of the tree, or the tree itself (bind): copy, bind [default: copy]' -r -f -a "copy\t''
bind\t''"
complete -c lrun -l local-repository -d 'Serve an action repository from a folder' -r
complete -c lrun -l action-cache-path -d 'Where actions are cached' -r -f -a "(__fish_complete_directories)"
complete -c lrun -l replace-ghe-action-with-github-com -d 'Take this action from github.com' -r
complete -c lrun -l replace-ghe-action-token-with-github-com -d 'Token for those actions' -r
complete -c lrun -l artifact-server-path -d 'Lay each artifact at FOLDER/1/NAME/NAME.zip, too, when the run is over' -r -f -a "(__fish_complete_directories)"
complete -c lrun -l cache-server-path -d 'Keep the caches of actions/cache in FOLDER/lrun' -r -f -a "(__fish_complete_directories)"
complete -c lrun -l cache-server-external-url -d 'Tell jobs of this cache server in the place of lrun\'s own' -r
complete -c lrun -l cache-size -d 'Most that caches may take, as 10GB: those used longest ago make room [default: 10GB]' -r
complete -c lrun -l cache-days -d 'Forget caches that were not used for so many days; 0: never [default: 7]' -r
complete -c lrun -l oidc -d 'Give jobs with `id-token: write` tokens of identity, signed by a key of this machine' -r
complete -c lrun -l extract -d 'Put the files of artifacts there' -r -f -a "(__fish_complete_directories)"
complete -c lrun -l format -d 'Form of the output of graph (text, mermaid, dot), check and lock (text, json, sarif, github) [default: text]' -r -f -a "text\t''
mermaid\t''
dot\t''
json\t''
sarif\t''
github\t''"
complete -c lrun -l why -d 'Explain why this job would run or not' -r
complete -c lrun -l context -d 'Named values for the expression: a JSON object' -r -F
complete -c lrun -l api-url -d 'Address of the REST API that tells ids of repositories' -r
complete -c lrun -l chain -d 'Then run the workflows that list workflow_run for those that ran'
complete -c lrun -l detect-event -d 'Without an event, take the first that the workflows list'
complete -c lrun -l skip-unavailable -d 'Count legs that this machine cannot serve as absent'
complete -c lrun -l locked -d 'Use only actions that the lock file pins'
complete -c lrun -l insecure-secrets -d 'Accepted with a warning: secrets are masked all the same'
complete -c lrun -l clean-env -d 'Give host steps PATH, HOME and LANG only, not your environment'
complete -c lrun -s r -l reuse -d 'Go on in the machines of the last green run'
complete -c lrun -l rebuild -d 'Build Docker actions every time'
complete -c lrun -l privileged -d 'Run containers with all rights'
complete -c lrun -s b -l bind -d 'The same as --workspace bind'
complete -c lrun -l clean -d 'Take exactly the commit, without uncommitted changes'
complete -c lrun -l staged -d 'Take exactly the index, for pre-commit hooks'
complete -c lrun -l with-ignored -d 'Take ignored files too'
complete -c lrun -l use-gitignore -d 'Leave ignored files out; =false is --with-ignored'
complete -c lrun -l no-skip-checkout -d 'Run the real actions/checkout'
complete -c lrun -l offline -d 'Never touch the network'
complete -c lrun -l action-offline-mode -d 'Use cached actions without asking whether they moved'
complete -c lrun -l no-cache-server -d 'Offer no cache service to jobs'
complete -c lrun -l open -d 'Open artifacts with this desktop\'s programs'
complete -c lrun -l all -d 'Of all repositories, not of this one alone'
complete -c lrun -s q -l quiet -d 'Print nothing of a green run, and the last lines of failed steps'
complete -c lrun -s v -l verbose -d 'Print debug lines'
complete -c lrun -l json -d 'Print JSON for programs'
complete -c lrun -l log-prefix-job-id -d 'Begin lines of output with the job\'s id'
complete -c lrun -l trace -d 'Print each part of the expression with its value'
complete -c lrun -l check -d 'See that the lock file covers all workflows, without the network'
complete -c lrun -l verify -d 'See that tags and branches still name the locked commits'
complete -c lrun -l relock -d 'Look up every ref anew'
complete -c lrun -s l -l list -d 'The same as `lrun list`'
complete -c lrun -s n -l dryrun -d 'The same as `lrun plan`'
complete -c lrun -s g -l graph -d 'The same as `lrun graph`'
complete -c lrun -l validate -d 'The same as `lrun check`'
complete -c lrun -l bug-report -d 'The same as `lrun doctor`'
complete -c lrun -l man-page -d 'Print the manual page'
complete -c lrun -l list-options -d 'Print all flags as JSON, for editors'
complete -c lrun -s h -l help -d 'Print help'
complete -c lrun -l version -d 'Print the version'
complete -c lrun -n __fish_use_subcommand -f -a run -d 'Simulate an event and run its workflows; `lrun EVENT` is short for it'
complete -c lrun -n __fish_use_subcommand -f -a list -d 'List the jobs of all workflows'
complete -c lrun -n __fish_use_subcommand -f -a plan -d 'Show what would run, leg by leg, and why the rest would not'
complete -c lrun -n __fish_use_subcommand -f -a graph -d 'Draw which job waits for which'
complete -c lrun -n __fish_use_subcommand -f -a check -d 'Read workflows and report every mistake'
complete -c lrun -n __fish_use_subcommand -f -a eval -d 'Evaluate an expression'
complete -c lrun -n __fish_use_subcommand -f -a completions -d 'Print completions for bash, zsh, fish, powershell or elvish'
complete -c lrun -n __fish_use_subcommand -f -a doctor -d 'Show what this machine has and which settings are read'
complete -c lrun -n __fish_use_subcommand -f -a lock -d 'Pin the actions of workflows in GitHub's lock file'
complete -c lrun -n __fish_use_subcommand -f -a clean -d 'Remove what runs left behind, and the tools and images that they keep'
complete -c lrun -n __fish_use_subcommand -f -a artifacts -d 'List, open and extract what runs left; RUN is an id, its end, or `latest`'
complete -c lrun -n __fish_use_subcommand -f -a cache -d 'Show and remove what actions/cache keeps, and tell why a key was missed'
complete -c lrun -n __fish_use_subcommand -f -a help -d 'Print help'
complete -c lrun -n __fish_use_subcommand -f -a branch_protection_rule -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a check_run -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a check_suite -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a create -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a delete -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a deployment -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a deployment_status -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a discussion -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a discussion_comment -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a dynamic -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a fork -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a gollum -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a image_version -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a interactive_component -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a issue_comment -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a issues -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a label -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a member -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a merge_group -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a milestone -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a page_build -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a project -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a project_card -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a project_column -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a public -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a pull_request -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a pull_request_comment -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a pull_request_review -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a pull_request_review_comment -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a pull_request_target -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a push -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a registry_package -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a release -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a repository_dispatch -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a schedule -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a status -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a watch -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a workflow_call -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a workflow_dispatch -d 'event'
complete -c lrun -n __fish_use_subcommand -f -a workflow_run -d 'event'
