//! Fields that mean something in a cluster only. `invoker run` takes them and says once that they do nothing there.

use super::resource::InvokerDeployment;
use super::yaml::path_of_field;

/// Paths of the given fields that have no meaning on one machine, in the order of the document's format.
pub fn without_local_meaning(resource: &InvokerDeployment) -> Vec<String> {
    let spec = &resource.spec;
    let mut paths = Vec::new();
    let mut note = |given: bool, path: &str| {
        if given {
            paths.push(path.to_owned());
        }
    };
    note(spec.image.is_some(), "spec.image");
    note(spec.image_pull_policy.is_some(), "spec.imagePullPolicy");
    note(!spec.image_pull_secrets.is_empty(), "spec.imagePullSecrets");
    note(spec.history_limit.is_some(), "spec.historyLimit");
    note(spec.registry.is_some(), "spec.registry");
    note(spec.io_address.is_some(), "spec.ioAddress");
    note(spec.kafka.is_some(), "spec.kafka");
    note(spec.state.is_some(), "spec.state");
    for (name, topic) in &spec.topics {
        let path = path_of_field("spec.topics", name);
        note(topic.replication_factor.is_some(), &format!("{path}.replicationFactor"));
    }
    note(spec.create_topics.is_some(), "spec.createTopics");
    note(spec.resources.is_some(), "spec.resources");
    for (index, entity) in spec.stateful_entities.iter().enumerate() {
        let path = |field: &str| format!("spec.statefulEntities[{index}].{field}");
        for (pod, _) in entity.pods.iter().enumerate().filter(|(_, pod)| pod.resources.is_some()) {
            note(true, &path(&format!("pods[{pod}].resources")));
        }
        note(entity.resources.is_some(), &path("resources"));
        note(entity.autoscale.is_some(), &path("autoscale"));
        note(entity.on_partition_change.is_some(), &path("onPartitionChange"));
        note(entity.assignment.is_some(), &path("assignment"));
    }
    note(spec.paused.is_some(), "spec.paused");
    note(spec.delete_policy.is_some(), "spec.deletePolicy");
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_only_a_cluster_reads() {
        let text = include_bytes!("parse/every-field.yaml");
        let document = crate::topology::parse("every-field.yaml", text).unwrap();
        assert_eq!(
            without_local_meaning(document.resource()),
            [
                "spec.image",
                "spec.imagePullPolicy",
                "spec.imagePullSecrets",
                "spec.historyLimit",
                "spec.registry",
                "spec.kafka",
                "spec.state",
                "spec.topics.words.replicationFactor",
                "spec.createTopics",
                "spec.resources",
                "spec.statefulEntities[0].autoscale",
                "spec.statefulEntities[0].assignment",
                "spec.statefulEntities[1].pods[0].resources",
                "spec.statefulEntities[1].resources",
                "spec.statefulEntities[1].onPartitionChange",
                "spec.statefulEntities[1].assignment",
                "spec.paused",
                "spec.deletePolicy",
            ]
        );
    }
}
