#include "bench/paper/workload.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_directory.hpp"

namespace cecollm::bench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PaperWorkload : public testing::Test {
 protected:
  PaperWorkload() {
    setting_.texts =
        write("texts.json", R"({"a": ["one", "two"], "b": ["three"], "questions": ["no"]})");
    setting_.questions =
        write("questions.json", R"([{"prompt": "p", "answer": "1", "type": "number"},)"
                                R"({"prompt": "q", "answer": "2", "type": "number"},)"
                                R"({"prompt": "r", "answer": "3", "type": "number"},)"
                                R"({"prompt": "s", "answer": "4", "type": "number"}])");
    setting_.most_prompts = 10;
    setting_.max_tokens = 100;
    config_.vocab_size = 4096;
    config_.max_positions = 512;
  }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.path() / name) << text;
    return directory_.path() / name;
  }
  apps::Outcome<Workload> load(bool with_tokenizer = true) const {
    return load_workload(setting_, with_tokenizer ? &tokenizer_ : nullptr, config_);
  }
  std::vector<std::string> texts() const {
    const auto workload = load();
    std::vector<std::string> texts;
    for (const auto& ids : workload->prompts) texts.push_back(tokenizer_.decode(ids, true));
    return texts;
  }

  tests::TemporaryDirectory directory_;
  WorkloadSetting setting_;
  model::ModelConfig config_;
  model::Tokenizer tokenizer_ = *model::Tokenizer::load(CECOLLM_DEFAULT_MODEL);
};

TEST_F(PaperWorkload, TakesTextsOfAllKindsInTurnLessQuestions) {
  EXPECT_THAT(texts(), ElementsAre("one", "three", "two"));
  setting_.most_prompts = 2;
  EXPECT_THAT(texts(), ElementsAre("one", "three"));
}

TEST_F(PaperWorkload, TakesQuestionsEvenly) {
  setting_.most_questions = 2;
  const auto workload = load();
  ASSERT_TRUE(workload) << workload.error().message;
  ASSERT_EQ(workload->questions.size(), 2U);
  EXPECT_EQ(workload->questions[0].key, "1");
  EXPECT_EQ(workload->questions[1].key, "3");
  setting_.most_questions = 100;
  EXPECT_EQ(load()->questions.size(), 4U);
}

TEST_F(PaperWorkload, TakesIdsFromAFileWithoutATokenizer) {
  setting_.prompts = write("prompts.jsonl", "{\"prompt_ids\": [5, 6, 7]}\n{\"prompt_ids\": [8]}\n");
  const auto workload = load(false);
  ASSERT_TRUE(workload) << workload.error().message;
  EXPECT_THAT(workload->prompts, ElementsAre(ElementsAre(5, 6, 7), ElementsAre(8)));
  EXPECT_THAT(workload->description, HasSubstr("2 prompts of 2 tokens"));
}

TEST_F(PaperWorkload, DrawsRandomPromptsFromTheSeed) {
  setting_.random_prompt_tokens = 21;
  setting_.most_prompts = 3;
  const auto once = load(false)->prompts;
  ASSERT_EQ(once.size(), 3U);
  EXPECT_EQ(once[0].size(), 21U);
  EXPECT_NE(once[0], once[1]);
  EXPECT_EQ(load(false)->prompts, once);
  setting_.seed = 2;
  EXPECT_NE(load(false)->prompts, once);
}

TEST_F(PaperWorkload, RefusesPromptsThatTheModelCannotAnswer) {
  setting_.prompts = write("prompts.jsonl", "{\"prompt_ids\": [5]}\n{\"prompt_ids\": [4096]}\n");
  EXPECT_THAT(load(false).error().message, HasSubstr("prompt 2 has 1 ids, some of them unknown"));
  setting_.prompts.clear();
  setting_.random_prompt_tokens = 413;
  EXPECT_FALSE(load(false));
  setting_.random_prompt_tokens = 412;
  EXPECT_TRUE(load(false));
}

TEST_F(PaperWorkload, SaysWhatToGiveWhereThereIsNoTokenizer) {
  EXPECT_THAT(load(false).error().message, HasSubstr("give --random-prompts P or --prompts"));
  setting_.prompts = write("prompts.txt", "Once upon a time\n");
  EXPECT_THAT(load(false).error().message, HasSubstr("give prompt_ids"));
}

TEST_F(PaperWorkload, NamesFilesThatAreMissing) {
  setting_.texts = directory_.path() / "none.json";
  EXPECT_THAT(load().error().message, HasSubstr("none.json"));
}

}  // namespace
}  // namespace cecollm::bench
