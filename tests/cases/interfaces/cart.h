#ifndef A_H
#define A_H
#include <vector>
#define SQ(x) ((x)*(x))
#ifdef __cplusplus
extern "C" {
#endif
/// Runs it.
int run(void);
#ifdef __cplusplus
}
#endif
namespace shop { 
/** A cart. */
class Cart : public Base {
 public:
  explicit Cart(int n);
  /// Sum.
  double total() const { return 0; }
  template <typename T> void add(T t);
  virtual ~Cart() = default;
  static int made;
 protected:
  int p;
 private:
  int n_;
};
template <typename T> struct Box { T value; };
template <class T>
T max(T a, T b) { return a; }
using Ids = std::vector<int>;
enum class Kind : int { A, B };
namespace { int hidden(); }
}
#endif
