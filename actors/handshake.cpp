#include "actors/handshake.hpp"

#include "model/row_codec.hpp"

namespace cecollm::actors {
namespace {

std::string list_of(const std::vector<std::int32_t>& layers) {
  std::string text = "[";
  for (const auto layer : layers) {
    if (text.size() > 1) text += ',';
    text += std::to_string(layer);
  }
  return text + "]";
}

std::string short_digest(const std::string& digest) {
  return digest.substr(0, 12);
}

transport::Fault model_fault(std::string message) {
  transport::Fault fault;
  fault.code = transport::FaultCode::model;
  fault.message = std::move(message);
  return fault;
}

transport::Fault digest_fault(const char* what, const std::string& edge, const std::string& cloud) {
  return model_fault(std::string("the nodes have different models: ") + what + " digest is " +
                     short_digest(edge) + " on the edge and " + short_digest(cloud) +
                     " on the cloud; give both the same checkpoint");
}

}  // namespace

transport::ModelDigests to_wire(const model::ModelIdentity& identity) {
  return {identity.config_digest,
          identity.shared_digest,
          identity.whole_digest,
          {identity.exit_layers.begin(), identity.exit_layers.end()}};
}

std::optional<transport::Fault> refuse(const transport::Hello& hello, const CloudOffer& offer) {
  const auto& edge = hello.model;
  const auto& cloud = offer.model;
  if (hello.version_max < transport::oldest_protocol_version ||
      hello.version_min > transport::protocol_version) {
    transport::Fault fault;
    fault.code = transport::FaultCode::version;
    fault.message = "the edge speaks protocol versions " + std::to_string(hello.version_min) +
                    " to " + std::to_string(hello.version_max) + ", the cloud " +
                    std::to_string(transport::oldest_protocol_version) + " to " +
                    std::to_string(transport::protocol_version) + "; upgrade the older one";
    return fault;
  }
  if (edge.exit_layers != cloud.exit_layers) {
    return model_fault("the model is cut differently: exits after layers " +
                       list_of(edge.exit_layers) + " on the edge and " +
                       list_of(cloud.exit_layers) +
                       " on the cloud; give both the same --exit-layers");
  }
  if (edge.config != cloud.config) return digest_fault("configuration", edge.config, cloud.config);
  if (hello.hidden_size != offer.hidden_size) {
    return model_fault("rows have " + std::to_string(hello.hidden_size) +
                       " values on the edge and " + std::to_string(offer.hidden_size) +
                       " on the cloud");
  }
  if (model::find_row_codec(hello.row_dtype) == nullptr) {
    return model_fault("the edge sends rows as '" + hello.row_dtype + "', the cloud reads " +
                       std::string(model::row_codec_names()));
  }
  if (!edge.whole.empty() && !cloud.whole.empty()) {
    if (edge.whole != cloud.whole) return digest_fault("whole model", edge.whole, cloud.whole);
  } else if (edge.shared != cloud.shared) {
    return digest_fault("shared tensors", edge.shared, cloud.shared);
  }
  return std::nullopt;
}

}  // namespace cecollm::actors
