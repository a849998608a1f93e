//! Fields that mean nothing to a run on one machine: some of them mean something in a cluster only, some depend on the
//! services that the run stands on. `invoker run` takes them and says once that they do nothing there.

use super::entity::Assignment;
use super::resource::InvokerDeployment;
use super::yaml::path_of_field;

/// What a run on one machine stands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// Records are in Kafka, whoever named it.
    pub on_kafka: bool,
    /// What the topology says of Kafka is used.
    pub spec_kafka: bool,
    /// What the topology says of Redis is used.
    pub spec_state: bool,
}

/// Paths of the given fields that name services which the run does not use.
pub fn unused_services(resource: &InvokerDeployment, ground: Ground) -> Vec<&'static str> {
    let spec = &resource.spec;
    let fields = [
        ("spec.ioAddress", spec.io_address.is_some() && !ground.spec_kafka),
        ("spec.kafka", spec.kafka.is_some() && !ground.spec_kafka),
        ("spec.state", spec.state.is_some() && !ground.spec_state),
    ];
    fields.into_iter().filter(|(_, unused)| *unused).map(|(path, _)| path).collect()
}

/// Paths of the given fields that have no meaning to the run, in the order of the document's format; services left out.
pub fn without_local_meaning(resource: &InvokerDeployment, ground: Ground) -> Vec<String> {
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
    for (name, topic) in &spec.topics {
        let path = path_of_field("spec.topics", name);
        let unread = topic.replication_factor.is_some() && !ground.on_kafka;
        note(unread, &format!("{path}.replicationFactor"));
    }
    note(spec.create_topics.is_some() && !ground.on_kafka, "spec.createTopics");
    note(spec.resources.is_some(), "spec.resources");
    for (index, entity) in spec.stateful_entities.iter().enumerate() {
        let path = |field: &str| format!("spec.statefulEntities[{index}].{field}");
        for (pod, _) in entity.pods.iter().enumerate().filter(|(_, pod)| pod.resources.is_some()) {
            note(true, &path(&format!("pods[{pod}].resources")));
        }
        note(entity.resources.is_some(), &path("resources"));
        note(entity.autoscale.is_some(), &path("autoscale"));
        // A group is Kafka's; any other run has all partitions.
        let shared = entity.assignment == Some(Assignment::Group) && ground.on_kafka;
        note(entity.assignment.is_some() && !shared, &path("assignment"));
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
            without_local_meaning(document.resource(), Ground::default()),
            [
                "spec.image",
                "spec.imagePullPolicy",
                "spec.imagePullSecrets",
                "spec.historyLimit",
                "spec.topics.words.replicationFactor",
                "spec.createTopics",
                "spec.resources",
                "spec.statefulEntities[0].autoscale",
                "spec.statefulEntities[0].assignment",
                "spec.statefulEntities[1].pods[0].resources",
                "spec.statefulEntities[1].resources",
                "spec.statefulEntities[1].assignment",
                "spec.paused",
                "spec.deletePolicy",
            ]
        );
    }
    #[test]
    fn what_the_services_read_is_not_called_ignored() {
        let text = include_bytes!("parse/every-field.yaml");
        let document = crate::topology::parse("every-field.yaml", text).unwrap();
        let embedded = Ground::default();
        assert_eq!(unused_services(document.resource(), embedded), ["spec.kafka", "spec.state"]);
        let other_kafka = Ground { on_kafka: true, spec_state: true, ..embedded };
        assert_eq!(unused_services(document.resource(), other_kafka), ["spec.kafka"]);
        let ignored = without_local_meaning(document.resource(), other_kafka);
        assert!(
            !ignored.iter().any(|path| path.ends_with("replicationFactor") || path.ends_with("createTopics"))
        );
        assert!(!ignored.contains(&"spec.statefulEntities[0].assignment".to_owned()), "group");
        assert!(ignored.contains(&"spec.statefulEntities[1].assignment".to_owned()), "owned");
    }
}
